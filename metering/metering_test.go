package metering_test

import (
	"context"
	"flag"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var update = flag.Bool("update", false, "rewrite golden files")

// fleet is instances whose history a test writes.
type fleet struct {
	mu   sync.Mutex
	list []provision.Instance
	fail error
}

func (f *fleet) All(context.Context) iter.Seq2[provision.Instance, error] {
	f.mu.Lock()
	list, fail := slices.Clone(f.list), f.fail
	f.mu.Unlock()
	return func(yield func(provision.Instance, error) bool) {
		for _, i := range list {
			if !yield(i, nil) {
				return
			}
		}
		if fail != nil {
			yield(provision.Instance{}, fail)
		}
	}
}

// Of goes through all: a meter takes what is the tenant's.
func (f *fleet) Of(ctx context.Context, _ topology.TenantID) iter.Seq2[provision.Instance, error] {
	return f.All(ctx)
}

func (f *fleet) Get(ctx context.Context, id topology.InstanceID) (provision.Instance, error) {
	for i, err := range f.All(ctx) {
		if err != nil || i.ID == id {
			return i, err
		}
	}
	return provision.Instance{}, fault.New(fault.NotFound, "there is no instance %q", id)
}

func (f *fleet) add(i ...provision.Instance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, i...)
}

// tariff is a catalog that knows only prices.
type tariff map[catalog.PlanID][]catalog.Price

func (p tariff) Prices(_ context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	prices, ok := p[plan]
	if !ok {
		return nil, fault.New(fault.NotFound, "service %q has no plan %q", service, plan)
	}
	return prices, nil
}

// Vendor is the same for all services.
func (p tariff) Vendor(context.Context, catalog.ServiceID) (string, error) { return "maker", nil }

func price(amount, from string) catalog.Price {
	p := catalog.Price{Dimension: "instance", Unit: "hour", Amount: decimal.RequireFromString(amount), Currency: "EUR"}
	if from != "" {
		p.From = at(from)
	}
	return p
}

// at reads a time, with or without its seconds' fraction.
func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

// instance has a history written as "time state plan" lines.
func instance(id string, history ...string) provision.Instance {
	i := provision.Instance{ID: topology.InstanceID(id), Tenant: "tenant-a", Platform: "cf", Service: "service-1"}
	for n, text := range history {
		f := strings.Fields(text)
		i.History = append(i.History, provision.Event{Seq: n + 1, At: at(f[0]), State: provision.State(f[1]), Plan: catalog.PlanID(f[2])})
	}
	return i
}

func newMeter(t *testing.T, s *store.Store, instances metering.Instances, prices metering.Prices, c metering.Config) *metering.Meter {
	t.Helper()
	c.Store, c.Instances, c.Catalog = s, instances, prices
	c.Log = newLog(t)
	m, err := metering.New(c)
	require.NoError(t, err)
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func newLog(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func sample() []provision.Instance { return []provision.Instance{oneHour, upgraded, failed} }
