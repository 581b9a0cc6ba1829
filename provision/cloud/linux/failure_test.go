//go:build linux

package linux

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// kinds are the appliances with which failures are tested, and how each is killed.
func kinds(t *testing.T, test func(t *testing.T, c *Cloud, boot func(topology.Appliance) error, kill func(topology.ApplianceID))) {
	t.Run("with bridges as appliances", func(t *testing.T) {
		c := newPatched(t)
		test(t, c, func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, cloud.Server{}) }, func(id topology.ApplianceID) {
			require.NoError(t, c.withFabric("a", func(v *view) error {
				a, err := v.appliance(id)
				require.NoError(t, err)
				return c.machines.stop(t.Context(), machine{"a", a})
			}))
		})
	})
	t.Run("with a real appliance", func(t *testing.T) {
		server := firewallServer(t)
		c := newReal(t)
		test(t, c, func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }, func(id topology.ApplianceID) {
			p, ok, err := c.machines.(*qemu).find(machine{"a", topology.Appliance{ID: id}})
			require.NoError(t, err)
			require.True(t, ok)
			defer p.close()
			require.NoError(t, syscall.Kill(p.pid, syscall.SIGKILL))
		})
	})
}

// probeEvery is the monitor's pace, by which a death is found.
const probeEvery = time.Second

// noticed waits until a probe finds a machine dead.
func noticed(t *testing.T, c *Cloud, id topology.ApplianceID) {
	t.Helper()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); <-tick.C {
		pulse, err := c.Probe(t.Context(), "a", id)
		require.NoError(t, err)
		if !pulse.Running {
			return
		}
	}
	require.FailNow(t, "nobody noticed")
}

// forwarding waits until an appliance does, in a start of its machine.
func forwarding(t *testing.T, c *Cloud, id topology.ApplianceID, start int) {
	t.Helper()
	want, got := cloud.Pulse{Running: true, Start: start}, cloud.Pulse{}
	for until := time.Now().Add(2 * time.Minute); got != want && time.Now().Before(until); {
		var err error
		got, err = c.Probe(t.Context(), "a", id)
		require.NoError(t, err)
	}
	require.Equal(t, want, got)
}

// standing waits until an appliance that stands by has booted, of which nothing but its
// console tells.
func standing(t *testing.T, c *Cloud, id topology.ApplianceID) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, err := c.Console(t.Context(), "a", id)
		return errors.Is(err, errors.ErrUnsupported) || strings.Contains(text, "forwarding")
	}, 2*time.Minute, 10*time.Millisecond)
}

// counted is how many packets have come back.
func (f *flow) counted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.back)
}

// mend brings the services about with all that is dead overlooked, as a broker does.
func mend(t *testing.T, c *Cloud, boot func(topology.Appliance) error, anew bool, services ...topology.Service) {
	t.Helper()
	have := observe(t, c, "a")
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(t, err)
	each := func(topology.Appliance) bool { return true }
	steps, err := topology.Plan(topology.Wrecked(topology.Overlook(have, want, each), have, want, func(topology.Appliance) bool { return anew }), want)
	require.NoError(t, err)
	for _, s := range steps {
		switch s.Verb {
		case topology.Boot:
			require.NoError(t, boot(*s.Appliance))
		case topology.Await:
		default:
			require.NoError(t, c.Do(t.Context(), "a", s), "%s", s)
		}
	}
}

// Under a thousand packets a second an appliance is killed. As soon as that is noticed
// its traffic gets past it, and past nothing else; it is booted anew on the same legs
// beside the traffic, which comes back without a loss.
func TestAKilledApplianceIsBypassedAndPutBackWithoutLoss(t *testing.T) {
	kinds(t, func(t *testing.T, c *Cloud, boot func(topology.Appliance) error, kill func(topology.ApplianceID)) {
		village(t, c, "a")
		fw, wo := inPath("fw", 20), inPath("wo", 10)
		converge(t, c, "a", boot, fw, wo)
		inserted := observe(t, c, "a")
		f := startFlow(t, c, "a", "h1", PublicIPv4)
		f.some(500)
		kill("fw")
		killed := time.Now()
		noticed(t, c, "fw")
		seen, came := time.Now(), f.counted()
		past := fw
		past.Stitches = []topology.Stitch{fw.Stitches[0]}
		past.Stitches[0].Bypassed = true
		mend(t, c, boot, false, past, wo)
		f.await(func() bool { return len(f.back) > came })
		t.Logf("noticed after %s, bypassed %s later", seen.Sub(killed).Round(time.Millisecond), time.Since(seen).Round(time.Millisecond))
		f.some(1000)
		passed, reached, err := c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{"wo"}, passed, "nothing else is got past")

		sent, lost := f.end()
		t.Logf("until it was bypassed: %d of %d packets lost", lost, sent)
		f = startFlow(t, c, "a", "h1", PublicIPv4)
		past.Replicas = []topology.Replica{{Management: fw.Management, Start: 1}}
		mend(t, c, boot, true, past, wo)
		forwarding(t, c, "fw", 1)
		again := fw
		again.Replicas = past.Replicas
		converge(t, c, "a", boot, again, wo)
		f.some(1000)
		sent, lost = f.end()
		t.Logf("respin and return: %d of %d packets lost", lost, sent)
		require.LessOrEqual(t, lost, 1)
		passed, _, err = c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.Equal(t, []topology.ApplianceID{"wo", "fw"}, passed)
		now := observe(t, c, "a")
		require.Equal(t, 1, now.Appliances[0].Start)
		now.Appliances[0].Start = 0
		require.Equal(t, inserted, now, "the same legs with the same MACs, in the same places")
	})
}

// A killed appliance stops all traffic where it is to fail closed: not one packet gets
// past it while nothing is done, nor while it is booted anew.
func TestAKilledApplianceThatFailsClosedLetsNothingPast(t *testing.T) {
	kinds(t, func(t *testing.T, c *Cloud, boot func(topology.Appliance) error, kill func(topology.ApplianceID)) {
		village(t, c, "a")
		fw := inPath("fw", 20)
		converge(t, c, "a", boot, fw)
		f := startFlow(t, c, "a", "h1", PublicIPv4)
		f.some(200)
		kill("fw")
		noticed(t, c, "fw")
		from := f.counted()
		f.some(1000)
		require.Equal(t, from, f.counted(), "nothing gets past it")
		fw.Replicas = []topology.Replica{{Start: 1}}
		mend(t, c, boot, true, fw)
		forwarding(t, c, "fw", 1)
		f.some(500)
		f.end()
		passed, reached, err := c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{"fw"}, passed)
	})
}

// The standby is plugged in where the killed appliance was.
func TestAStandbyTakesOverFromAKilledAppliance(t *testing.T) {
	kinds(t, func(t *testing.T, c *Cloud, boot func(topology.Appliance) error, kill func(topology.ApplianceID)) {
		village(t, c, "a")
		fw := inPath("fw", 20)
		fw.Replicas = []topology.Replica{{}, {Number: 1, Idle: true}}
		converge(t, c, "a", boot, fw)
		f := startFlow(t, c, "a", "h1", PublicIPv4)
		standing(t, c, "fw+1")
		f.some(500)
		kill("fw")
		killed := time.Now()
		noticed(t, c, "fw")
		seen, came := time.Now(), f.counted()
		fw.Replicas = []topology.Replica{{Idle: true}, {Number: 1}}
		mend(t, c, boot, false, fw)
		f.await(func() bool { return len(f.back) > came })
		outage := time.Since(seen)
		f.some(1000)
		sent, lost := f.end()
		t.Logf("noticed after %s, taken over %s later; %d of %d packets lost", seen.Sub(killed).Round(time.Millisecond), outage.Round(time.Millisecond), lost, sent)
		passed, reached, err := c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{"fw+1"}, passed)
		fw.Replicas[0].Start = 1
		mend(t, c, boot, true, fw)
		require.Eventually(t, func() bool {
			p, err := c.Probe(t.Context(), "a", "fw")
			return err == nil && p.Running && p.Start == 1
		}, 2*time.Minute, 10*time.Millisecond)
	})
}
