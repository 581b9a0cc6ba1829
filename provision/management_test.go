package provision_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// operated is a cloud with one management network for all tenants, where others have
// addresses, too.
type operated struct {
	cloud.Cloud
	shared netip.Prefix
	others map[netip.Addr]bool
}

func (o operated) Management(context.Context) (netip.Prefix, map[netip.Addr]bool, error) {
	taken := map[netip.Addr]bool{}
	for a := range o.others {
		taken[a] = true
	}
	return o.shared, taken, nil
}

// Of a range that tenants share, an appliance gets an address that nobody has; when
// there is none, the request is refused with the range's name.
func TestAManagementAddressOfASharedRangeIsOneThatNobodyHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	o := operated{w.steady(), netip.MustParsePrefix("198.51.100.0/29"), map[netip.Addr]bool{}}
	for _, last := range []byte{2, 3, 5, 6} {
		o.others[netip.AddrFrom4([4]byte{198, 51, 100, last})] = true
	}
	w.through = o
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, netip.MustParsePrefix("198.51.100.4/29"), i.Management)

	o.others[i.Management.Addr()] = true
	out, err := b.Provision(t.Context(), w.order("more", "dmz"))
	require.NoError(t, err)
	require.Equal(t, work.Undone, b.wait(t, out.Operation).Status)
	done, err := b.Instance(t.Context(), "cf", "more")
	require.NoError(t, err)
	require.Contains(t, done.History[len(done.History)-1].Message, "198.51.100.0/29")
}

// blind is a cloud that sends no probes, and notes when the gateway's plug moves.
type blind struct {
	cloud.Cloud
	mu       *sync.Mutex
	calls    *[]string
	launched time.Time
}

func (blind) Blind() bool { return true }

func (b blind) Since(context.Context, topology.TenantID, topology.ApplianceID) (time.Time, error) {
	b.note("launched?")
	return b.launched, nil
}

func (b blind) Do(ctx context.Context, t topology.TenantID, s topology.Step) error {
	if s.Verb == topology.Await {
		return nil
	}
	if s.Verb == topology.Move {
		b.note("move")
	}
	return b.Cloud.Do(ctx, t, s)
}

func (b blind) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.calls = append(*b.calls, what)
}

// A cloud that cannot see whether an appliance forwards is not enough to give it
// traffic: its health endpoint must have answered.
func TestTrafficWaitsForTheHealthEndpointWhereTheCloudIsBlind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s := blind{Cloud: w.steady(), mu: &sync.Mutex{}, calls: new([]string)}
	w.through = s
	w.cloud.Inject(sim.Fault{Verb: sim.Dial, Times: 1, Err: fault.New(fault.Unavailable, "not yet"), Then: func() { s.note("no answer") }})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Equal(t, 0, slices.Index(*s.calls, "no answer"), "%v", *s.calls)
	require.Contains(t, *s.calls, "move")
}

// Where there is no way to management networks at all, nobody waits for it.
func TestNobodyWaitsForAHealthEndpointThatCannotBeReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.through = blind{Cloud: w.steady(), mu: &sync.Mutex{}, calls: new([]string)}
	w.cloud.Inject(sim.Fault{Verb: sim.Dial, Times: -1, Err: &fault.Error{Kind: fault.Unavailable, Message: "no way", Err: cloud.ErrNoWay}})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
}

// An appliance that nobody can ask is given time to boot, from when it was launched; one
// that has run for longer, or of which the cloud does not tell, is not waited for, nor
// one whose health endpoint answers.
func TestTrafficWaitsUntilAnApplianceMayHaveBooted(t *testing.T) {
	t.Parallel()
	noWay := &fault.Error{Kind: fault.Unavailable, Message: "no way", Err: cloud.ErrNoWay}
	for name, c := range map[string]struct {
		wait     time.Duration
		launched time.Time
		dial     error
		asked    bool
	}{
		"just launched":                {500 * time.Millisecond, time.Now(), noWay, true},
		"by a clock that is ahead":     {200 * time.Millisecond, time.Now().Add(time.Second), noWay, true},
		"long ago":                     {time.Hour, time.Now().Add(-time.Hour), noWay, true},
		"who knows when":               {time.Hour, time.Time{}, noWay, true},
		"its health endpoint answers":  {time.Hour, time.Now(), nil, false},
		"the operator does not bother": {0, time.Now(), noWay, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{})
			w.bootWait = c.wait
			s := blind{Cloud: w.steady(), mu: &sync.Mutex{}, calls: new([]string), launched: c.launched}
			w.through = s
			if c.dial != nil {
				w.cloud.Inject(sim.Fault{Verb: sim.Dial, Times: -1, Err: c.dial})
			}
			b := w.broker(t, w.driver)
			b.provisioned(t, w.order("fw", "lan"))
			s.mu.Lock()
			defer s.mu.Unlock()
			require.Equal(t, c.asked, slices.Contains(*s.calls, "launched?"))
			require.Contains(t, *s.calls, "move")
			if c.asked && !c.launched.IsZero() {
				require.False(t, time.Now().Before(c.launched.Add(c.wait)))
			}
		})
	}
}
