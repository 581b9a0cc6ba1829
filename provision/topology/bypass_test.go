package topology_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// past is a service that is bypassed on some of its networks, on all if none is named.
func past(s topology.Service, nets ...topology.NetworkID) topology.Service {
	s.Stitches = slices.Clone(s.Stitches)
	for n := range s.Stitches {
		s.Stitches[n].Bypassed = len(nets) == 0 || slices.Contains(nets, s.Stitches[n].Network)
	}
	return s
}

// terse are steps in short.
func terse(steps []topology.Step) []string {
	all := []string{}
	for _, s := range steps {
		switch s.Verb {
		case topology.Move:
			all = append(all, fmt.Sprintf("%s: %s → %s", s.Port, s.From, s.To))
		case topology.Await:
			all = append(all, fmt.Sprintf("await %s/%d", s.Appliance.ID, s.Pair))
		case topology.SetRedirect:
			all = append(all, "rule")
		default:
			all = append(all, fmt.Sprintf("%s %s", s.Verb, s.Appliance.ID))
		}
	}
	return all
}

func managementOf(n byte) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 100, n}), 24)
}

func TestABypassMovesTheNeighboursPlugAndNothingElse(t *testing.T) {
	t.Parallel()
	fw, wo := firewall(topology.Bridged), optimiser()
	lb := wo
	lb.Instance, lb.Name, lb.Mode, lb.Management = "lb", "LB", topology.Redirected, managementOf(9)
	for name, c := range map[string]struct {
		all  []topology.Service
		past []topology.Service
		out  []string
		back []string
		ways []string
	}{
		"the last before the gateway": {[]topology.Service{fw, wo}, []topology.Service{past(fw), wo},
			[]string{"gw-V: seg-fw-V → V", "gw-X: seg-fw-X → seg-wo-X"},
			[]string{"await fw/1", "await fw/2", "gw-V: V → seg-fw-V", "gw-X: seg-wo-X → seg-fw-X"},
			[]string{"V → GW", "X → WO → GW"}},
		"one of its networks only": {[]topology.Service{fw, wo}, []topology.Service{past(fw, "V"), wo},
			[]string{"gw-V: seg-fw-V → V"}, []string{"await fw/1", "gw-V: V → seg-fw-V"},
			[]string{"V → GW", "X → WO → FW → GW"}},
		"the first behind the hosts": {[]topology.Service{fw, wo}, []topology.Service{fw, past(wo)},
			[]string{"fw-nic2: seg-wo-X → X"}, []string{"await wo/1", "fw-nic2: X → seg-wo-X"},
			[]string{"V → FW → GW", "X → FW → GW"}},
		"flows of a gateway's rule": {[]topology.Service{lb}, []topology.Service{past(lb)},
			[]string{"rule"}, []string{"await lb/1", "rule"}, []string{"V → GW", "X → GW"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := tenantA()
			with, without := compose(t, base, c.all...), compose(t, base, c.past...)
			require.Empty(t, topology.Check(without))
			require.Equal(t, c.out, terse(plan(t, with, without)))
			require.Equal(t, c.back, terse(plan(t, without, with)))
			for n, id := range []topology.NetworkID{"V", "X"} {
				way, ok := topology.Path(without, id)
				require.True(t, ok)
				require.Equal(t, c.ways[n], way.String())
			}
			require.Equal(t, with, applyAll(t, without, plan(t, without, with)))
		})
	}
}

// What is bypassed keeps its flows for itself: another service cannot have them
// meanwhile.
func TestFlowsOfABypassedServiceStayItsOwn(t *testing.T) {
	t.Parallel()
	lb := optimiser()
	lb.Mode, lb.Management = topology.Redirected, managementOf(9)
	other := lb
	other.Instance, other.Name, other.Management = "other", "OTHER", managementOf(10)
	_, err := topology.Compose(tenantA(), []topology.Service{past(lb), other})
	require.ErrorContains(t, err, "some flows are both")
}

// A dead appliance is bypassed in one step, whatever else is dead; and a plan for
// something else does not wait for it.
func TestWhatIsOverlookedIsNotMended(t *testing.T) {
	t.Parallel()
	fw, wo := firewall(topology.Bridged), optimiser()
	base := tenantA()
	have := off(off(compose(t, base, fw, wo), "fw"), "wo")
	dead := func(topology.Appliance) bool { return true }
	want := compose(t, base, past(fw), wo)
	require.Equal(t, []string{"gw-V: seg-fw-V → V", "gw-X: seg-fw-X → seg-wo-X"},
		terse(plan(t, topology.Overlook(have, want, dead), want)))
	require.Equal(t, "boot fw", terse(plan(t, have, want))[0])

	now := applyAll(t, have, plan(t, topology.Overlook(have, want, dead), want))
	without := compose(t, base, past(fw))
	for _, s := range plan(t, topology.Overlook(now, without, dead), without) {
		require.NotContains(t, []topology.Verb{topology.Boot, topology.Await}, s.Verb, "%s", s)
	}
	require.Equal(t, have, off(off(compose(t, base, fw, wo), "fw"), "wo"), "the argument stays")
}

// Services are bypassed on some networks and put back, appliances die and come
// back, in any order: after every step there is no loop, no network is joined with
// another, nothing that runs is got past that was not to be, and hosts whose
// services run or are bypassed reach their gateway.
func TestAnyBypassInAnyOrderIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := drawTenant(t)
		nets := networksOf(base)
		var all []topology.Service
		for i := range rapid.IntRange(1, 5).Draw(t, "services") {
			s := drawService(t, i, nets)
			s.Stitches = s.Stitches[:rapid.IntRange(1, len(s.Stitches)).Draw(t, "stitches")]
			if _, err := topology.Compose(base, append(slices.Clone(all), s)); err == nil {
				all = append(all, s)
			}
		}
		have := compose(t, base, all...)
		for range rapid.IntRange(1, 8).Draw(t, "turns") {
			was := slices.Clone(all)
			if len(all) > 0 {
				turnBypass(t, all)
			}
			want, err := topology.Compose(base, all)
			if err != nil { // beside it, the next one would join two networks
				all = was
				continue
			}
			dead := map[topology.ApplianceID]bool{}
			for _, a := range have.Appliances {
				if rapid.IntRange(0, 3).Draw(t, "dies") == 0 {
					dead[a.ID], have = true, off(have, a.ID)
				}
			}
			overlooked := topology.Overlook(have, want, func(a topology.Appliance) bool { return dead[a.ID] })
			steps := plan(t, overlooked, want)
			now := have
			for _, s := range steps {
				if s.Verb == topology.Await { // nobody waits for the dead in this test
					continue
				}
				now, err = topology.Apply(now, s)
				require.NoError(t, err)
				require.Contains(t, []topology.Verb{topology.Move, topology.SetRedirect}, s.Verb, "%s", s)
				requireOnlyDeadCut(t, have, now, want, dead, s)
			}
			requireSame(t, want, topology.Overlook(now, want, func(topology.Appliance) bool { return true }))
			have = want
		}
		gone := plan(t, have, topology.Base(have))
		requireSafe(t, have, base, gone)
	})
}

// turnBypass has one service bypassed, or put back, on one or all of its networks.
func turnBypass(t *rapid.T, all []topology.Service) {
	n := rapid.IntRange(0, len(all)-1).Draw(t, "service")
	all[n].Stitches = slices.Clone(all[n].Stitches)
	to := rapid.Bool().Draw(t, "past it")
	one := rapid.IntRange(-1, len(all[n].Stitches)-1).Draw(t, "stitch")
	for i := range all[n].Stitches {
		if one < 0 || one == i {
			all[n].Stitches[i].Bypassed = to
		}
	}
}

func requireOnlyDeadCut(t *rapid.T, have, now, want topology.Fabric, dead map[topology.ApplianceID]bool, s topology.Step) {
	for _, v := range topology.CheckBetween(have, now, want) {
		switch v.Fault {
		case topology.Unreachable:
			way, _ := topology.Path(topology.Overlook(now, want, func(topology.Appliance) bool { return true }), v.Network)
			require.True(t, slices.ContainsFunc(way.Appliances(), func(a topology.ApplianceID) bool { return dead[a] }), "%s after %s", v, s)
		case topology.Stalled:
			require.True(t, len(dead) > 0, "%s after %s", v, s)
		default:
			require.Fail(t, "unsafe", "%s after %s", v, s)
		}
	}
}

func TestAnotherStartIsAShutdownAndABootOnTheSameLegs(t *testing.T) {
	t.Parallel()
	fw, wo := firewall(topology.Bridged), optimiser()
	base := tenantA()
	again := fw
	again.Replicas = []topology.Replica{{Management: fw.Management, Start: 1}}
	have, want := compose(t, base, fw, wo), compose(t, base, again, wo)
	steps := plan(t, have, want)
	require.Equal(t, []string{"shutdown fw", "boot fw", "await fw/1", "await fw/2"}, terse(steps))
	require.Equal(t, 1, steps[1].Appliance.Start)
	done := applyAll(t, have, steps)
	require.Equal(t, want, done)
	require.Empty(t, plan(t, done, want), "once is enough")
	for n := range steps { // stopped anywhere, what is left is done
		require.Equal(t, want, applyAll(t, applyAll(t, have, steps[:n]), plan(t, applyAll(t, have, steps[:n]), want)))
	}
	require.Equal(t, []string{"boot fw"}, terse(plan(t, off(have, "fw"), want))[:1], "a dead one has only to be booted")
	back, _ := steps[0].Inverse()
	require.Equal(t, have, applyAll(t, have, []topology.Step{steps[0], back}), "undone, it is of the start that it was")

	// Bypassed at the same time, traffic leaves first and nobody waits.
	aside := plan(t, have, compose(t, base, past(again), wo))
	require.Equal(t, []string{"gw-V: seg-fw-V → V", "gw-X: seg-fw-X → seg-wo-X", "shutdown fw", "boot fw"}, terse(aside))
	// Put back at the same time, it is restarted first and waited for.
	aside = plan(t, compose(t, base, past(fw), wo), want)
	require.Equal(t, []string{"shutdown fw", "boot fw"}, terse(aside)[:2])
	require.Len(t, aside, 6)
}

func TestAStandbyTakesOverOnTheSameSegments(t *testing.T) {
	t.Parallel()
	base := tenantA()
	for name, zones := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := firewall(zones), firewall(zones)
			one.Replicas = []topology.Replica{{Management: one.Management}, {Number: 1, Management: managementOf(9), Idle: true}}
			two.Replicas = []topology.Replica{{Management: one.Management, Idle: true, Start: 1}, {Number: 1, Management: managementOf(9)}}
			have, want := compose(t, base, one, optimiser()), compose(t, base, two, optimiser())
			require.Empty(t, topology.Check(have))
			require.Len(t, have.Appliances, 3)
			require.Equal(t, have.Networks, want.Networks, "no segment comes or goes")
			for _, dead := range []bool{false, true} {
				from := have
				if dead {
					from = off(have, "fw")
				}
				steps := plan(t, from, want)
				requireTakeover(t, from, want, steps)
				golden(t, fmt.Sprintf("takeover-%s-%t.plan", name, dead), topology.Text(steps))
			}
		})
	}
}

// requireTakeover checks each step: at most the service's own networks are cut.
func requireTakeover(t *testing.T, have, want topology.Fabric, steps []topology.Step) {
	t.Helper()
	now := have
	for _, s := range steps {
		var err error
		now, err = topology.Apply(now, s)
		require.NoError(t, err)
		if s.Appliance == nil || s.Appliance.Instance != "fw" {
			require.Fail(t, "another's plug", "%s", s)
		}
		for _, v := range topology.CheckBetween(have, now, want) {
			require.Equal(t, topology.Unreachable, v.Fault, "%s after %s", v, s)
		}
	}
	require.Equal(t, want, now)
	require.Empty(t, plan(t, now, want))
}

func TestAServiceInPathHasOneApplianceInIt(t *testing.T) {
	t.Parallel()
	for says, replicas := range map[string][]topology.Replica{
		`service "WO" is to have 0 appliances in path: it must be one`: {{Idle: true}},
		`service "WO" is to have 2 appliances in path: it must be one`: {{}, {Number: 1}},
		`service "WO" has replica 0 twice`:                             {{}, {Idle: true}},
	} {
		wo := optimiser()
		wo.Replicas = replicas
		_, err := topology.Compose(tenantA(), []topology.Service{wo})
		require.EqualError(t, err, says)
	}
}
