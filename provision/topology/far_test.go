package topology_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// What a port's move does may show at networks that have nothing to do with the port
// itself: those whose frames come to the far end of its wire, and those whose frames
// another leg leads there now.
func TestPlanLooksAtTheFarEndsOfWires(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ have, want topology.Fabric }{
		"frames come to the far end and would come back": {
			drawn("s1 X Z", "y: in V, in -, out s0", "x: in s0, out s1, in -, out s1"),
			drawn("s2 s1 Z", "y: in V, in -, out s0", "x: in s0, out s2, in X, out s1")},
		"another leg leads there now": {
			drawn("s1 s1 Z", "x: in X, out s1, in V, out -, in -"),
			drawn("s1 s1 Z", "x: in s3, out s1, in X, out -, in -", "y: in -, out s3, in V, out -, in -")},
		"the rest of a plan that was broken off": {
			drawn("s3 s3 Z", "x: in X, out s1, in V, out -, in -", "y: in x1, out s3, in x2, out -, in -"),
			drawn("s3 s3 Z", "x: in X, out x1, in V, out x2, in -", "y: in x1, out s3, in x2, out -, in -")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := plan(t, c.have, c.want)
			now := c.have
			for _, s := range steps {
				var err error
				now, err = topology.Apply(now, s)
				require.NoError(t, err)
				for _, v := range topology.CheckBetween(c.have, now, c.want) {
					require.Contains(t, []topology.Fault{topology.Unreachable, topology.Misordered}, v.Fault, "%s after %s\nin\n%s", v, s, topology.Text(steps))
				}
			}
			require.Empty(t, plan(t, now, c.want))
		})
	}
}

// drawn is a fabric of the networks V, X and Z: where their gateway's plugs are, and each
// appliance's legs in pairs, with the network that each is plugged into.
func drawn(plugs string, appliances ...string) topology.Fabric {
	f := tenantA()
	seen := map[topology.NetworkID]bool{"": true, "V": true, "X": true, "Z": true}
	network := func(text string) topology.NetworkID {
		id := topology.NetworkID(strings.Trim(text, "-"))
		if !seen[id] {
			seen[id] = true
			f.Networks = append(f.Networks, topology.Network{ID: id, Name: text, Role: topology.RoleSegment})
		}
		return id
	}
	for i, at := range strings.Fields(plugs) {
		f.Gateways[0].Plugs[i].At = network(at)
	}
	for _, text := range appliances {
		id, legs, _ := strings.Cut(text, ": ")
		a := topology.Appliance{ID: topology.ApplianceID(id), Instance: topology.InstanceID(id), Name: id, Booted: true}
		for nic, leg := range strings.Split(legs, ", ") {
			role, at, _ := strings.Cut(leg, " ")
			a.Legs = append(a.Legs, topology.Leg{Port: topology.PortID(fmt.Sprintf("%s-nic%d", id, nic)), NIC: nic, Pair: nic/2 + 1, At: network(at),
				Role: map[string]topology.LegRole{"in": topology.Inside, "out": topology.Outside}[role]})
		}
		f.Appliances = append(f.Appliances, a)
	}
	return topology.Settle(f)
}
