package topology_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// large is a tenant with ten networks to a service. Every network passes two of
// them, on a pair of legs of its own, and neighbouring services share networks, so
// that all of them hang together.
func large(networks int) (base topology.Fabric, services []topology.Service) {
	base = tenantOf(networks)
	nets := networksOf(base)
	for i := range max(1, networks/10) {
		s := topology.Service{Instance: topology.InstanceID(fmt.Sprintf("fw%d", i)), Zones: topology.Bridged}
		for j := range min(20, networks) {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: j + 1}, topology.NIC{Role: topology.Outside, Pair: j + 1})
			s.Stitches = append(s.Stitches, topology.Stitch{Network: nets[(10*i+j)%networks], Pair: j + 1, Rank: i})
		}
		services = append(services, s)
	}
	return base, services
}

// one is a service for the middle of the first network's chain.
func one() topology.Service {
	return topology.Service{Instance: "one", Zones: topology.Bridged,
		NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "net0", Pair: 1}}}
}

// BenchmarkPlan plans the first insertion of all services of a tenant, and the
// insertion and removal of one service where all others stand.
func BenchmarkPlan(b *testing.B) {
	for _, networks := range []int{10, 100, 1000, 10000} {
		base, services := large(networks)
		full := compose(b, base, services...)
		more := compose(b, base, append(services, one())...)
		for _, c := range []struct {
			name       string
			have, want topology.Fabric
		}{{"all", base, full}, {"insert one", full, more}, {"remove one", more, full}} {
			b.Run(fmt.Sprintf("%s/networks=%d", c.name, networks), func(b *testing.B) {
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

// BenchmarkRequest is what a request of one service costs: to state what should be
// and to plan the way there.
func BenchmarkRequest(b *testing.B) {
	for _, networks := range []int{10, 100, 1000, 10000} {
		base, services := large(networks)
		full := compose(b, base, services...)
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NotEmpty(b, plan(b, full, compose(b, topology.Base(full), append(services, one())...)))
			}
		})
	}
}

func BenchmarkCompose(b *testing.B) {
	for _, networks := range []int{10, 100, 1000, 10000} {
		base, services := large(networks)
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compose(b, base, services...)
			}
		})
	}
}

// BenchmarkSettle is what observing adds to the cloud's own answer.
func BenchmarkSettle(b *testing.B) {
	for _, networks := range []int{10, 100, 1000, 10000} {
		base, services := large(networks)
		full := compose(b, base, services...)
		b.Run(fmt.Sprintf("networks=%d", networks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				topology.Settle(full)
			}
		})
	}
}
