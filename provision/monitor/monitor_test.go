package monitor_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/monitor"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// watched is an active instance "fw" of tenant "acme" on a simulated cloud.
type watched struct {
	*provision.Service
	cloud *sim.Cloud
	quiet *slog.Logger

	engine *work.Engine
	stop   func() // of the engine
	order  provision.ProvisionRequest
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	return newWatchedAs(t, catalog.Insertion{}, `{"networks":["lan"]}`)
}

// newWatchedAs is one whose firewall is corrected and ordered with parameters.
func newWatchedAs(t *testing.T, in catalog.Insertion, parameters string) *watched {
	t.Helper()
	st, quiet := storetest.New(t), slog.New(slog.DiscardHandler)
	offers, err := catalog.New(catalog.Config{Store: st, Dir: t.TempDir(), Log: quiet})
	require.NoError(t, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	w := &watched{cloud: sim.New(sim.Options{}), quiet: quiet}
	engine := work.New(st, quiet, work.Options{})
	w.Service = provision.New(provision.Config{Store: st, Catalog: offers, Cloud: w.cloud, Engine: engine, Key: key, Log: quiet})

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	w.engine, w.stop = engine, func() { cancel(); running.Wait() }
	t.Cleanup(w.stop)

	cidr := netip.MustParsePrefix("10.0.0.0/24")
	require.NoError(t, w.cloud.CreateNetwork(ctx, "acme", topology.Network{
		ID: "lan", Name: "lan", Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}))
	w.order = order(t, offers, in, parameters)
	out, err := w.Provision(ctx, w.order)
	require.NoError(t, err)
	done, err := engine.Wait(ctx, out.Operation)
	require.NoError(t, err)
	require.Equal(t, work.Done, done.Status)
	return w
}

// order is for the disk-less firewall, published with a health endpoint.
func order(t *testing.T, c *catalog.Catalog, in catalog.Insertion, parameters string) provision.ProvisionRequest {
	t.Helper()
	var ova bytes.Buffer
	_, err := ovf.Build(t.Context(), filepath.Join("..", "..", "testdata", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(t, err)
	_, s, err := c.Push(t.Context(), "example", &ova)
	require.NoError(t, err)
	for _, p := range s.Plans {
		if len(p.Prices) == 0 {
			_, err = c.SetPrice(t.Context(), s.ID, p.ID, catalog.Price{Dimension: "instance", Unit: "hour", Currency: "EUR"})
			require.NoError(t, err)
		}
	}
	in.Health = &catalog.Endpoint{Protocol: "http", Port: 8080, Path: "/health"}
	s, err = c.Publish(t.Context(), s.ID, &in)
	require.NoError(t, err)
	return provision.ProvisionRequest{
		ID: "fw", Platform: "cf", Tenant: "acme", Service: s.ID, Plan: s.Plans[0].ID, Organization: "acme", Space: "s",
		Parameters: []byte(parameters), AcceptsIncomplete: true,
	}
}

func (w *watched) health(t *testing.T) provision.Health {
	t.Helper()
	i, err := w.Instance(t.Context(), "", "fw")
	require.NoError(t, err)
	return i.Health
}

func TestVerdictTakesSeveralMissedAnswersAndOneGoodOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 3})
		require.Equal(t, provision.HealthUnknown, w.health(t).Status)

		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthOK, w.health(t).Status)

		require.NoError(t, w.cloud.HangAppliance("acme", "fw"))
		for range 2 {
			require.NoError(t, m.Round(t.Context()))
			require.Equal(t, provision.HealthOK, w.health(t).Status, "too early for a verdict")
		}
		require.NoError(t, m.Round(t.Context()))
		h := w.health(t)
		require.Equal(t, provision.HealthFailing, h.Status)
		require.Equal(t, "no probe came through fw", h.Detail)
		require.False(t, h.Since.IsZero())
		w.stop()
	})
}

func TestTurnsOfHealthAreInTheHistoryOnceAndDoNotChangeTheBill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 1})
		require.NoError(t, m.Round(t.Context()))
		require.NoError(t, w.cloud.KillAppliance("acme", "fw"))
		for range 3 {
			require.NoError(t, m.Round(t.Context()))
		}
		i, err := w.Instance(t.Context(), "", "fw")
		require.NoError(t, err)
		var turns []string
		for _, e := range i.History {
			if e.Message == "health is ok" || e.Message == "health is failing" {
				turns = append(turns, e.Message)
				require.Equal(t, provision.Active, e.State)
			}
		}
		require.Equal(t, []string{"health is ok", "health is failing"}, turns)
		w.stop()
	})
}

func TestRoundEndsWithItsContextAndGivesNoVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 1})
		require.NoError(t, m.Round(t.Context()))
		require.NoError(t, w.cloud.KillAppliance("acme", "fw"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = m.Round(ctx) // listing may fail, or the probe; neither says anything of the appliance
		require.Equal(t, provision.HealthOK, w.health(t).Status)
		w.stop()
	})
}

// Its flows find another member; the others' stay, and so does what platforms poll.
func TestFlowsMoveAwayFromAMemberThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatchedAs(t, catalog.Insertion{Modes: []string{"redirect"}, HA: []string{"cluster:3"}}, `{"networks":["lan"]}`)
		m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 2})
		through := func() (list []topology.ApplianceID) {
			f, err := w.cloud.Observe(t.Context(), "acme")
			require.NoError(t, err)
			for _, of := range f.Redirects[0].Members {
				list = append(list, of.Appliance)
			}
			return list
		}
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthOK, w.health(t).Status)
		require.NoError(t, w.cloud.HangAppliance("acme", "fw+1"))
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthOK, w.health(t).Status, "too early for a verdict")
		require.Len(t, through(), 3)
		require.NoError(t, m.Round(t.Context()))
		require.Eventually(t, func() bool { return len(through()) == 2 }, time.Minute, time.Millisecond)
		require.Equal(t, []topology.ApplianceID{"fw", "fw+2"}, through())
		h := w.health(t)
		require.Equal(t, provision.HealthDegraded, h.Status)
		require.Equal(t, "fw+1: no probe came through fw", h.Detail)
		w.stop()
	})
}
