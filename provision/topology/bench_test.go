package topology_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// large is a tenant with a firewall for every ten networks, each with its own
// pairs.
func large(networks int) (base topology.Fabric, services []topology.Service) {
	base = tenantOf(networks)
	for i, n := range networksOf(base) {
		if i%10 == 0 {
			services = append(services, topology.Service{Instance: topology.InstanceID(fmt.Sprintf("fw%d", i/10)), Zones: topology.Bridged})
		}
		s := &services[len(services)-1]
		pair := i%10 + 1
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: pair}, topology.NIC{Role: topology.Outside, Pair: pair})
		s.Stitches = append(s.Stitches, topology.Stitch{Network: n, Pair: pair})
	}
	return base, services
}

// BenchmarkPlan plans the first insertion of all services of a tenant, and the
// insertion of one network into one more service where all others stand.
func BenchmarkPlan(b *testing.B) {
	for _, networks := range []int{1, 100, 1000} {
		base, services := large(networks)
		full := compose(b, base, services...)
		one := topology.Service{Instance: "one", Zones: topology.Bridged,
			NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
			Stitches: []topology.Stitch{{Network: "net0", Pair: 1, Rank: 1}}}
		more := compose(b, base, append(services, one)...)
		for name, c := range map[string]struct{ have, want topology.Fabric }{"all": {base, full}, "one": {full, more}} {
			b.Run(fmt.Sprintf("%s/networks=%d", name, networks), func(b *testing.B) {
				b.ReportAllocs()
				steps := 0
				for b.Loop() {
					steps = len(plan(b, c.have, c.want))
				}
				b.ReportMetric(float64(steps), "steps")
			})
		}
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, networks := range []int{1, 100, 1000} {
		base, services := large(networks)
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := topology.Compose(base, services)
				require.NoError(b, err)
			}
		})
	}
}
