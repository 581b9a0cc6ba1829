package topology_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares text with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to make it")
	require.Equal(t, string(want), got)
}

// tenantA is the founding tenant: networks V, X and Z behind one gateway.
func tenantA() topology.Fabric {
	f := topology.Fabric{Tenant: "acme"}
	gw := topology.Gateway{ID: "gw", Name: "GW"}
	for i, id := range []topology.NetworkID{"V", "X", "Z"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i + 1), 0}), 24)
		router := netip.AddrFrom4([4]byte{10, 0, byte(i + 1), 1})
		f.Networks = append(f.Networks, topology.Network{ID: id, Name: string(id), Role: topology.RoleTenant,
			Subnets: []topology.Subnet{{CIDR: cidr, Gateway: router}}})
		gw.Plugs = append(gw.Plugs, topology.Plug{Port: topology.PortID("gw-" + id), Home: id, At: id,
			MAC: "02:00:00:00:00:0" + string(rune('1'+i)), Addresses: []netip.Prefix{netip.PrefixFrom(router, 24)}})
	}
	f.Gateways = []topology.Gateway{gw}
	return topology.Settle(f)
}

// firewall protects V and X, nearest the gateway; with its own pair for each, or
// with one outside leg for both.
func firewall(zones topology.Zones) topology.Service {
	s := topology.Service{Instance: "fw", Name: "FW", Zones: zones,
		NICs:       []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}, {Role: topology.Inside, Pair: 2}},
		Stitches:   []topology.Stitch{{Network: "V", Pair: 1, Rank: 20}, {Network: "X", Pair: 2, Rank: 20}},
		Management: netip.MustParsePrefix("192.168.100.2/24")}
	if zones == topology.Bridged {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Outside, Pair: 2})
	}
	s.NICs = append(s.NICs, topology.NIC{Role: topology.Management})
	return s
}

// optimiser works on X, nearest the hosts.
func optimiser() topology.Service {
	return topology.Service{Instance: "wo", Name: "WO", Zones: topology.Bridged,
		NICs:       []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}, {Role: topology.Management}},
		Stitches:   []topology.Stitch{{Network: "X", Pair: 1, Rank: 10}},
		Management: netip.MustParsePrefix("192.168.100.3/24")}
}

func compose(t require.TestingT, base topology.Fabric, services ...topology.Service) topology.Fabric {
	f, err := topology.Compose(base, services)
	require.NoError(t, err)
	return f
}

func plan(t require.TestingT, have, want topology.Fabric) []topology.Step {
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	return steps
}

func applyAll(t require.TestingT, f topology.Fabric, steps []topology.Step) topology.Fabric {
	for _, s := range steps {
		var err error
		f, err = topology.Apply(f, s)
		require.NoError(t, err, "%s", s)
	}
	return f
}

var forms = map[string]topology.Zones{"pairs": topology.Bridged, "shared": topology.Isolated}

func TestFoundingUseCaseAskedForAtOnce(t *testing.T) {
	t.Parallel()
	for name, zones := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := tenantA()
			want := compose(t, have, firewall(zones), optimiser())
			steps := plan(t, have, want)
			golden(t, "founding-"+name+".plan", topology.Text(steps))
			done := applyAll(t, have, steps)
			require.Equal(t, want, done)
			require.Empty(t, topology.Check(done))
			back := plan(t, done, topology.Base(done))
			golden(t, "founding-"+name+"-removal.plan", topology.Text(back))
			require.Equal(t, have, applyAll(t, done, back))
		})
	}
}

// Whatever the order of requests, the fabric is the same in the end.
func TestFoundingUseCaseInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, zones := range forms {
		fw, wo := firewall(zones), optimiser()
		onV, onX := fw, fw
		onV.Stitches, onX.Stitches = fw.Stitches[:1], fw.Stitches[1:]
		for order, stages := range map[string][][]topology.Service{
			"at once":                {{fw, wo}},
			"firewall first":         {{fw}, {fw, wo}},
			"optimiser first":        {{wo}, {fw, wo}},
			"firewall on V, then X":  {{onV}, {fw}, {fw, wo}},
			"firewall on X, then V":  {{wo}, {wo, onX}, {fw, wo}},
			"firewall leaves, again": {{fw, wo}, {wo}, {fw, wo}},
		} {
			t.Run(name+"/"+order, func(t *testing.T) {
				t.Parallel()
				f := tenantA()
				for _, services := range stages {
					f = applyAll(t, f, plan(t, f, compose(t, f, services...)))
				}
				require.Equal(t, compose(t, tenantA(), fw, wo), f)
				require.Equal(t, map[string]string{"V": "V → FW → GW", "X": "X → WO → FW → GW", "Z": "Z → GW"}, paths(f))

				f = applyAll(t, f, plan(t, f, compose(t, f, wo)))
				require.Equal(t, compose(t, tenantA(), wo), f, "with the firewall removed")
				f = applyAll(t, f, plan(t, f, compose(t, f)))
				require.Equal(t, tenantA(), f, "with all removed")
			})
		}
	}
}

func paths(f topology.Fabric) map[string]string {
	ways := map[string]string{}
	for _, n := range f.Networks {
		if n.Role == topology.RoleTenant {
			route, ok := topology.Path(f, n.ID)
			ways[n.Name] = route.String()
			if !ok {
				ways[n.Name] += " (cut)"
			}
		}
	}
	return ways
}
