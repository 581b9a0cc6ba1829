# Everything that a person or a machine does with this repository.

SHELL := /bin/bash
GO ?= go
FUZZTIME ?= 10s
BENCHTIME ?= 1s
SEQUENCES ?= 100000
WEATHERS ?= 1000
OVA := build/appliance/bumpwire-firewall.ova
REPORTS := $(CURDIR)/build/reports

# What runs over MongoDB, too: lives of instances, requests at the same moment, deaths of brokers.
ON_MONGODB := TestInstanceFromOrder|TestId|TestFailedProv|Test[PBD][0-9]|TestAccounts|TestPush|TestPublish|TestBrokerDiesAtAnyWrite/write_[125]5$$

.DEFAULT_GOAL := help
.PHONY: help build demo test test-openstack check lint bench fuzz pictures generate prerequisites appliance

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## bin/bumpwire
	$(GO) build -trimpath -o bin/bumpwire ./cmd/bumpwire

demo: prerequisites appliance build ## the main job, narrated, with real packets; leaves nothing behind
	bin/bumpwire demo

test: prerequisites appliance ## all tests with the race detector, on real networks and appliances; SEQUENCES (100000) of random requests, WEATHERS (1000) of an OpenStack
	@mkdir -p $(REPORTS)
	BUMPWIRE_REQUIRE_LINUX=1 BUMPWIRE_REPORTS=$(REPORTS) $(GO) test -race -timeout 45m ./...
	BUMPWIRE_REPORTS=$(REPORTS) $(GO) test -timeout 20m ./provision
	BUMPWIRE_TEST_STORE=mongodb $(GO) test -count=1 -run '$(ON_MONGODB)' ./provision ./broker ./catalog
	GOGC=800 BUMPWIRE_REPORTS=$(REPORTS) $(GO) test -count=1 -timeout 30m -run 'TestSequences$$' ./provision/cloud/sim -sequences $(SEQUENCES)
	$(GO) test -count=1 -timeout 90m -run 'TestEveryCallInEveryWeather$$' ./provision/cloud/openstack -weathers $(WEATHERS)
	cd testdata/osbclient && $(GO) test -count=1 .
	@cat $(REPORTS)/*

test-openstack: ## tests over a real OpenStack: OS_CLOUD's, left as it was, or a lab that OPENSTACK_LAB starts here (OPENSTACK_LAB_NET: ovs, ovn; OPENSTACK_LAB_VIRT=qemu plays the demo)
	GO=$(GO) .ci/openstack

check: lint ## lint, and the tests with the race detector
	@mkdir -p $(REPORTS)
	BUMPWIRE_REQUIRE_LINUX=1 BUMPWIRE_REPORTS=$(REPORTS) $(GO) test -race -timeout 45m ./...
	cd testdata/osbclient && $(GO) test -count=1 .

lint: prerequisites appliance ## format, vet, staticcheck, import directions, generated files
	@files=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$files" ]; then echo "gofmt would change:"; echo "$$files"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -count=1 ./internal/importtest
	$(GO) test -count=1 -run Fresh ./broker ./cmd/bumpwire ./ovf

bench: ## all benchmarks; BUMPWIRE_BENCH_OVA_MIB=2048 BUMPWIRE_BENCH_SPARSE_GIB=20 for the large push
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 60m ./...
	cd testdata/bench/govmomi && $(GO) test -run '^$$' -bench . -benchtime 2s -timeout 5m .
	cd testdata/bench/brokerapi && $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 20m .

fuzz: ## each fuzz target for FUZZTIME (10s)
	@set -e; for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -run '^$$' -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "== $$package $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzzminimizetime 5x -fuzztime $(FUZZTIME) $$package; \
	  done; \
	done

pictures: prerequisites appliance build ## the README's pictures, by playing the demo on real networks
	bin/bumpwire demo --pictures docs/pictures
	$(MAKE) generate

generate: ## write what is made of the code: docs/cli.md, docs/osb-rows.md, docs/openapi.json, docs/ovf-findings.md, the pictures, golden files
	$(GO) test -count=1 -run 'Fresh|Exchange|Example' ./broker ./cmd/bumpwire ./ovf -update

prerequisites:
	@.ci/prerequisites

appliance: prerequisites
	@testdata/appliance/build
