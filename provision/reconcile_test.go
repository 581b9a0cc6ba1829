package provision_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// noon is a time of the schedule; later ones are so many minutes after it.
func noon(minutes int) time.Time {
	return time.Date(2030, 1, 1, 12, minutes, 0, 0, time.UTC)
}

// drifting is a broker with a firewall on lan and dmz whose cloud somebody alters.
func drifting(t *testing.T, alter func(*topology.Fabric)) (*world, *broker) {
	t.Helper()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan", "dmz"))
	require.NoError(t, w.cloud.Drift(tenant, alter))
	return w, b
}

func said(d provision.Drift) []string {
	var list []string
	for _, x := range d.Differences {
		list = append(list, x.String())
	}
	return list
}

// messages are the sentences of an instance's history from the nth on.
func (b *broker) messages(t *testing.T, id topology.InstanceID, from int) []string {
	t.Helper()
	i, err := b.Instance(t.Context(), "cf", id)
	require.NoError(t, err)
	story(t, i)
	var list []string
	for _, e := range i.History[from:] {
		list = append(list, e.Message)
	}
	return list
}

// What somebody does behind everybody's back is found, told and mended, and then
// the tenant has what it had.
func TestDriftIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(*topology.Fabric)
		say   string
	}{
		"a port was deleted": {func(f *topology.Fabric) {
			legs := f.Appliances[0].Legs
			f.Appliances[0].Legs = slices.Delete(legs, 1, 2)
		}, "is missing"},
		"an appliance is gone": {func(f *topology.Fabric) { f.Appliances = []topology.Appliance{} }, "is gone, with all its ports"},
		"a machine stopped":    {func(f *topology.Fabric) { f.Appliances[0].Booted = false }, "does not run"},
		"a leg was moved": {func(f *topology.Fabric) {
			at := slices.IndexFunc(f.Appliances[0].Legs, func(l topology.Leg) bool { return l.Role == topology.Inside })
			f.Appliances[0].Legs[at].At = ""
		}, "is not plugged in and should be plugged into"},
		"the gateway goes round it": {func(f *topology.Fabric) { f.Gateways[0].Plugs[0].At = f.Gateways[0].Plugs[0].Home }, "of gateway"},
		"something was added": {func(f *topology.Fabric) {
			f.Networks = append(f.Networks, topology.Network{ID: "stray", Name: "stray", Role: topology.RoleSegment})
		}, "network stray should not be there"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var whole topology.Fabric
			w, b := drifting(t, func(f *topology.Fabric) { whole = topology.Settle(*f); c.alter(f) })
			d, err := b.Drift(t.Context(), provision.Place{Tenant: tenant})
			require.NoError(t, err)
			require.Contains(t, strings.Join(said(d), "\n"), c.say)
			require.NotEmpty(t, d.Steps)
			require.Empty(t, d.Obstacle)
			require.Empty(t, d.Repair)

			require.NoError(t, b.ReconcileAt(t.Context(), noon(0), true))
			b.calm(t)
			now, err := w.cloud.Observe(t.Context(), tenant)
			require.NoError(t, err)
			require.Equal(t, whole, now)
			for _, v := range w.cloud.Violations() { // a machine takes a new NIC only when it boots
				require.Contains(t, v, "cannot reach their gateway's port")
			}
			all, err := b.Drifts(t.Context())
			require.NoError(t, err)
			require.Empty(t, all)
			require.Equal(t, map[string]int{"repaired": 1}, b.DriftCounts().Repairs)
		})
	}
}

// calm waits until no change is in progress.
func (b *broker) calm(t *testing.T) {
	t.Helper()
	open, err := b.engine.List(t.Context(), work.Filter{Open: true})
	require.NoError(t, err)
	for _, c := range open {
		b.wait(t, c.ID)
	}
}

// Reporting touches nothing, and says what is news once however often it looks.
func TestDriftIsReportedOnce(t *testing.T) {
	t.Parallel()
	w, b := drifting(t, func(f *topology.Fabric) { f.Appliances[0].Booted = false })
	before, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	begun := len(b.messages(t, "fw", 0))
	for minute := range 3 {
		require.NoError(t, b.ReconcileAt(t.Context(), noon(minute), false))
	}
	b.calm(t)
	now, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, before, now)
	require.Equal(t, []string{"the cloud is not as it should be: appliance fw does not run (traffic of dmz and lan)"}, b.messages(t, "fw", begun))
	counts := b.DriftCounts()
	require.Equal(t, map[string]int{"differs": 3}, counts.Checks)
	require.Equal(t, map[topology.DifferenceKind]int{topology.StoppedAppliance: 1}, counts.Differences)
	d, err := b.Drift(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	require.False(t, d.Since.IsZero())

	// On demand, and by whom.
	d, err = b.Mend(t.Context(), d, "operator/root")
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, d.Repair).Status)
	require.Equal(t, "the cloud was repaired", b.messages(t, "fw", begun)[1])
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Empty(t, i.Drift)
	require.Equal(t, "operator/root", i.History[len(i.History)-1].By)
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
}

// Of many brokers one does it, for each time of the schedule.
func TestOneBrokerReconciles(t *testing.T) {
	t.Parallel()
	w, b := drifting(t, func(f *topology.Fabric) { f.Appliances[0].Booted = false })
	others := []*broker{b, w.broker(t, w.driver), w.broker(t, w.driver)}
	errs := make(chan error, len(others))
	for _, o := range others {
		go func() { errs <- o.ReconcileAt(t.Context(), noon(0), true) }()
	}
	for range others {
		require.NoError(t, <-errs)
	}
	b.calm(t)
	checks := 0
	for _, o := range others {
		checks += o.DriftCounts().Checks["differs"] + o.DriftCounts().Checks["agrees"]
	}
	require.Equal(t, 1, checks)
	repairs, err := b.engine.List(t.Context(), work.Filter{Subject: string(tenant)})
	require.NoError(t, err)
	require.Len(t, repairs, 1)
	require.NoError(t, b.ReconcileAt(t.Context(), noon(-1), true), "an earlier time has been")
	require.Equal(t, checks, 1)
}

// A network of the tenant's own that is gone is for people to decide about; what
// else differs is told, too.
func TestDriftThatCannotBeRepairedIsOnlyReported(t *testing.T) {
	t.Parallel()
	_, b := drifting(t, func(f *topology.Fabric) {
		f.Networks = slices.DeleteFunc(f.Networks, func(n topology.Network) bool { return n.ID == "dmz" })
		f.Gateways[0].Plugs = slices.DeleteFunc(f.Gateways[0].Plugs, func(p topology.Plug) bool { return p.Home == "dmz" })
		f.Appliances[0].Booted = false
	})
	begun := len(b.messages(t, "fw", 0))
	for minute := range 3 {
		require.NoError(t, b.ReconcileAt(t.Context(), noon(minute), true))
	}
	d, err := b.Drift(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	require.Contains(t, d.Obstacle, "bring them back, or take the services out of them")
	require.Contains(t, said(d), "the tenant's network dmz is gone, or its gateway; instance fw is stitched into it")
	require.Contains(t, said(d), "appliance fw does not run (traffic of lan)")
	require.Empty(t, d.Steps)
	d, err = b.Mend(t.Context(), d, "operator/root")
	require.NoError(t, err)
	require.Empty(t, d.Repair)
	require.Len(t, b.messages(t, "fw", begun), 1)
	changes, err := b.engine.List(t.Context(), work.Filter{Subject: string(tenant)})
	require.NoError(t, err)
	require.Empty(t, changes)
}

// A repair that fails is undone, told, and not tried again at once.
func TestARepairThatFailsIsTriedAgainLater(t *testing.T) {
	t.Parallel()
	w, b := drifting(t, func(f *topology.Fabric) { f.Appliances[0].Booted = false })
	begun := len(b.messages(t, "fw", 0))
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Times: -1, Err: fault.New(fault.Full, "the machine has no memory left")})
	now := time.Now()
	for minute := range 4 {
		require.NoError(t, b.ReconcileAt(t.Context(), now.Add(time.Duration(minute)*time.Minute), true))
		b.calm(t)
	}
	d, err := b.Drift(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	require.Contains(t, d.Failed, "the repair failed and was undone")
	require.Contains(t, d.Failed, "no memory left")
	require.Equal(t, map[string]int{"failed": 1}, b.DriftCounts().Repairs)
	require.Len(t, b.messages(t, "fw", begun), 2)

	w.cloud.Heal()
	require.NoError(t, b.ReconcileAt(t.Context(), now.Add(6*time.Minute), true))
	b.calm(t)
	require.Equal(t, "the cloud was repaired", b.messages(t, "fw", begun)[2])
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 12, 3, 7, 5, time.UTC)
	for text, next := range map[string]string{"5m": "12:05:00", "@every 10s": "12:03:10", "*/5 * * * *": "12:05:00", "0 30 12 * * *": "12:30:00"} {
		s, err := provision.ParseSchedule(text)
		require.NoError(t, err)
		require.Equal(t, next, s.Next(at).Format(time.TimeOnly), text)
		require.True(t, s.Next(s.Next(at)).After(s.Next(at)), text)
	}
	for _, text := range []string{"", "-5m", "10ms", "whenever", "61 * * * *"} {
		_, err := provision.ParseSchedule(text)
		require.ErrorIs(t, err, fault.Invalid, text)
	}
}

// The schedule keeps a service of the provider's in all networks, also where drift is
// only reported.
func TestTheScheduleCoversNetworksThatComeLater(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	b.provisioned(t, w.inserted("guard", map[string]any{"mode": "redirect", "members": 1}))
	w.network(t, tenant, "wifi", 5)
	for minute := range 2 {
		require.NoError(t, b.ReconcileAt(t.Context(), noon(minute), false))
		b.calm(t)
	}
	require.Equal(t, []string{"dmz", "lan", "wifi"}, standsIn(b.show(t, "guard")))
	require.Equal(t, map[string]int{"busy": 1, "agrees": 1}, b.DriftCounts().Checks)
}

// once is a schedule of a single time.
type once time.Time

func (o once) Next(t time.Time) time.Time {
	if at := time.Time(o); at.After(t) {
		return at
	}
	return time.Time{}
}

// A round that was due while no broker ran is made up for by the first that starts,
// and not again by the next.
func TestAMissedRoundIsMadeUpForOnce(t *testing.T) {
	t.Parallel()
	w, b := drifting(t, func(f *topology.Fabric) { f.Appliances[0].Booted = false })
	require.NoError(t, b.ReconcileAt(t.Context(), time.Now(), false))
	looks := func(b *broker) int { return b.DriftCounts().Checks["differs"] }
	require.Equal(t, 1, looks(b))
	missed := once(time.Now())

	next, last := w.broker(t, w.driver), w.broker(t, w.driver)
	for _, o := range []*broker{next, last} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- o.Reconcile(ctx, missed, false) }()
		require.Eventually(t, func() bool { return looks(next) == 1 }, time.Minute, time.Millisecond)
		require.NoError(t, o.ReconcileAt(t.Context(), time.Time(missed), false), "which waits for the round in hand")
		cancel()
		require.NoError(t, <-done)
	}
	require.Equal(t, 1, looks(next))
	require.Zero(t, looks(last))
}
