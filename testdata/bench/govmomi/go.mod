module github.com/bumpwire/bumpwire/testdata/bench/govmomi

go 1.26.0

require github.com/bumpwire/bumpwire v0.0.0

require (
	github.com/beevik/etree v1.8.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/vmware/govmomi v0.53.0
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/bumpwire/bumpwire => ../../..
