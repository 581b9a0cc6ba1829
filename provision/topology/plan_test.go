package topology_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// verbs is a plan as one sentence.
func verbs(steps []topology.Step) []string {
	var all []string
	for _, s := range steps {
		subject := ""
		switch {
		case s.Network != nil:
			subject = string(s.Network.ID)
		case s.Verb == topology.Move:
			subject = fmt.Sprintf("%s %s>%s", s.Port, s.From, s.To)
		case s.Leg != nil:
			subject = string(s.Leg.Port)
		default:
			subject = string(s.Appliance.ID)
		}
		all = append(all, string(s.Verb)+" "+subject)
	}
	return all
}

// Behind a gap in a chain nothing is known to forward, so all of it is waited for.
func TestPlanRepairsWhatWasLost(t *testing.T) {
	t.Parallel()
	want, _ := founded(t)
	for name, c := range map[string]struct {
		lose func(*topology.Fabric)
		plan []string
	}{
		"nothing": {func(*topology.Fabric) {}, nil},
		"an appliance died": {func(f *topology.Fabric) { f.Appliances[1].Booted = false },
			[]string{"boot wo", "await wo"}},
		"a port was deleted": {func(f *topology.Fabric) { f.Appliances[1].Legs = f.Appliances[1].Legs[1:] },
			[]string{"shutdown wo", "create-port wo-nic0", "boot wo", "await fw", "await wo"}},
		"an appliance vanished": {func(f *topology.Fabric) { f.Appliances = f.Appliances[:1] },
			[]string{"create-port wo-nic0", "create-port wo-nic1", "create-port wo-nic2", "boot wo", "await fw", "await wo"}},
		"a leg was unplugged": {func(f *topology.Fabric) { f.Appliances[1].Legs[0].At = "" },
			[]string{"await fw", "move wo-nic0 >X", "await wo"}},
		"the gateway was unplugged": {func(f *topology.Fabric) { f.Gateways[0].Plugs[0].At = "" },
			[]string{"await fw", "move gw-V >seg-fw-V"}},
		"the gateway went home": {func(f *topology.Fabric) { f.Gateways[0].Plugs[0].At = "V" },
			[]string{"await fw", "move gw-V V>seg-fw-V"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := topology.Settle(want)
			c.lose(&have)
			have = topology.Settle(have)
			steps := plan(t, have, want)
			require.Equal(t, c.plan, verbs(steps))
			require.Equal(t, want, applyAll(t, have, steps))
		})
	}
}

func TestPlanOfOneNetworkOfARunningAppliance(t *testing.T) {
	t.Parallel()
	fw := firewall(topology.Bridged)
	onV := fw
	onV.Stitches = fw.Stitches[:1]
	one, both := compose(t, tenantA(), onV), compose(t, tenantA(), fw)

	require.Equal(t, []string{"create-network seg-fw-X", "move fw-nic2 >X", "move fw-nic3 >seg-fw-X", "await fw", "move gw-X X>seg-fw-X"},
		verbs(plan(t, one, both)))
	require.Equal(t, []string{"move gw-X seg-fw-X>X", "move fw-nic2 X>", "move fw-nic3 seg-fw-X>", "delete-network seg-fw-X"},
		verbs(plan(t, both, one)))
	require.Equal(t, []topology.NetworkID{"X"}, topology.Count(plan(t, one, both)).Swapped)
}

func TestPlanInTheMiddleOfAChainMovesOneLeg(t *testing.T) {
	t.Parallel()
	at := func(id topology.InstanceID, rank int) topology.Service {
		s := twoPairs(id)
		s.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: rank}}
		return s
	}
	a, b, c := at("a", 1), at("b", 2), at("c", 3)
	without, with := compose(t, tenantA(), a, c), compose(t, tenantA(), a, b, c)
	insert, remove := plan(t, without, with), plan(t, with, without)
	require.Equal(t, "move c-nic0 seg-a-V>seg-b-V", verbs(insert)[len(insert)-1])
	require.Equal(t, "move c-nic0 seg-b-V>seg-a-V", verbs(remove)[0])

	// Neighbours that come together need one swap for both.
	require.Equal(t, map[topology.NetworkID]int{"V": 1}, topology.Count(plan(t, tenantA(), with)).Swaps)
}

// Services that change places cannot do so without a moment in which one is got
// past or traffic stops: it stops.
func TestPlanOfAnotherOrderCutsRatherThanLeaks(t *testing.T) {
	t.Parallel()
	order := func(first, second int) topology.Fabric {
		a, b := twoPairs("a"), twoPairs("b")
		a.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: first}}
		b.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: second}}
		return compose(t, tenantA(), a, b)
	}
	have, want := order(1, 2), order(2, 1)
	steps := plan(t, have, want)
	require.Equal(t, []string{"move a-nic0 V>", "move gw-V seg-b-V>seg-a-V", "move b-nic0 seg-a-V>V", "move a-nic0 >seg-b-V"}, verbs(steps))
	require.Equal(t, want, applyAll(t, have, steps))
}

func TestPlanMovesEveryGatewaysPlug(t *testing.T) {
	t.Parallel()
	base := tenantA()
	base.Gateways = append(base.Gateways, topology.Gateway{ID: "gw2", Name: "GW2", Plugs: []topology.Plug{{Port: "gw2-V", Home: "V", At: "V"}}})
	wo := optimiser()
	wo.Stitches[0].Network = "V"
	want := compose(t, base, wo)
	steps := plan(t, topology.Base(base), want)
	require.Equal(t, []string{"move gw-V V>seg-wo-V", "move gw2-V V>seg-wo-V"}, verbs(steps[len(steps)-2:]))
	require.Empty(t, topology.Check(want))
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	done, _ := founded(t)
	for name, c := range map[string]struct {
		change func(have, want *topology.Fabric)
		says   string
	}{
		"another tenant": {func(_, want *topology.Fabric) { want.Tenant = "other" }, `cannot plan from tenant "acme" to tenant "other"`},
		"a tenant network that is gone": {func(have, _ *topology.Fabric) { have.Networks = have.Networks[1:] },
			`tenant "acme" has no network "V"`},
		"a gateway port that is gone": {func(have, _ *topology.Fabric) { have.Gateways[0].Plugs = have.Gateways[0].Plugs[1:] },
			`gateway "gw" has no port "gw-V" for network "V"`},
		"NICs for another purpose": {func(have, _ *topology.Fabric) { have.Appliances[1].Legs[2].Role = topology.HA },
			`port "wo-nic2" of "wo" exists as another NIC: remove the appliance first`},
		"NICs that are no more": {func(_, want *topology.Fabric) { want.Appliances[1].Legs = want.Appliances[1].Legs[:2] },
			`port "wo-nic2" of "wo" is not among its NICs any more: remove the appliance first`},
		"an unsafe aim": {func(_, want *topology.Fabric) { want.Appliances[1].Legs[1].At = "X" },
			`cannot plan towards an unsafe fabric: frames of network X go round in a loop through wo`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have, want := topology.Settle(done), topology.Settle(done)
			c.change(&have, &want)
			_, err := topology.Plan(have, want)
			require.EqualError(t, err, c.says)
		})
	}
}

// What a driver cannot know, Plan does not ask for.
func TestPlanIgnoresAnnotations(t *testing.T) {
	t.Parallel()
	want, _ := founded(t)
	have := topology.Settle(want)
	for i := range have.Networks {
		have.Networks[i].Carries = nil
	}
	for i := range have.Appliances {
		for j := range have.Appliances[i].Legs {
			have.Appliances[i].Legs[j].Serves = nil
		}
	}
	require.Empty(t, plan(t, have, want))
	require.Equal(t, want, topology.Settle(have))
}

func TestPlanOfALongChain(t *testing.T) {
	t.Parallel()
	var services []topology.Service
	for i := range 20 {
		services = append(services, inOrder(topology.InstanceID(fmt.Sprintf("s%02d", i)), i))
	}
	want := compose(t, tenantA(), services...)
	steps := plan(t, tenantA(), want)
	require.Equal(t, want, applyAll(t, tenantA(), steps))
	require.Equal(t, map[topology.NetworkID]int{"V": 1}, topology.Count(steps).Swaps)
	route, ok := topology.Path(want, "V")
	require.True(t, ok)
	require.Len(t, route.Appliances(), 20)

	odd := services[:0:0]
	for i, s := range services {
		if i%2 == 1 {
			odd = append(odd, s)
		}
	}
	require.Equal(t, map[topology.NetworkID]int{"V": 10}, topology.Count(plan(t, want, compose(t, tenantA(), odd...))).Swaps)
}
