package topology_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// tenant draws a tenant with 1 to 5 networks.
func drawTenant(t *rapid.T) topology.Fabric {
	return tenantOf(rapid.IntRange(1, 5).Draw(t, "networks"))
}

func tenantOf(networks int) topology.Fabric {
	f := topology.Fabric{Tenant: "acme"}
	gw := topology.Gateway{ID: "gw", Name: "GW"}
	for i := range networks {
		id := topology.NetworkID(fmt.Sprintf("net%d", i))
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		f.Networks = append(f.Networks, topology.Network{ID: id, Name: string(id), Role: topology.RoleTenant,
			Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}})
		gw.Plugs = append(gw.Plugs, topology.Plug{Port: "gw-" + topology.PortID(id), Home: id, At: id})
	}
	f.Gateways = []topology.Gateway{gw}
	return topology.Settle(f)
}

func networksOf(f topology.Fabric) []topology.NetworkID {
	var ids []topology.NetworkID
	for _, n := range topology.Base(f).Networks {
		ids = append(ids, n.ID)
	}
	return ids
}

// drawService draws a service that may be stitched into every network: bridged
// with a pair for each, or isolated with one outside NIC. Its ranks stay the same
// for its life.
func drawService(t *rapid.T, i int, nets []topology.NetworkID) topology.Service {
	s := topology.Service{Instance: topology.InstanceID(fmt.Sprintf("svc%d", i)), Zones: topology.Bridged, Provider: rapid.IntRange(0, 3).Draw(t, "provider") == 0}
	if rapid.Bool().Draw(t, "isolated") {
		s.Zones = topology.Isolated
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Outside, Pair: 1}, topology.NIC{Role: topology.Inside, Pair: len(nets) + 1})
	}
	pairs := rapid.Permutation(nets).Draw(t, "pairs")
	for j, n := range pairs {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: j + 1})
		if s.Zones == topology.Bridged {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Outside, Pair: j + 1})
		}
		s.Stitches = append(s.Stitches, topology.Stitch{Network: n, Pair: j + 1, Rank: rapid.IntRange(1, 3).Draw(t, "rank")})
	}
	if rapid.IntRange(0, 3).Draw(t, "mode") == 0 {
		redirected(t, i, &s)
		return s
	}
	if rapid.Bool().Draw(t, "managed") {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Management}, topology.NIC{Role: topology.HA})
		s.Management = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i % 2), byte(i + 2)}), 24)
	}
	return s
}

// redirected makes the service one in redirect mode, whose flows may overlap with
// those of another such.
func redirected(t *rapid.T, i int, s *topology.Service) {
	first := uint16(100 * rapid.IntRange(1, 3).Draw(t, "ports"))
	s.Mode, s.Zones = topology.Redirected, topology.Bridged
	s.NICs = []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}, {Role: topology.Management}}
	for j := range s.Stitches {
		s.Stitches[j].Pair, s.Stitches[j].Match = 1, &topology.Classifier{Ports: []topology.Ports{{First: first, Last: first + 50}}}
	}
	s.Replicas = []topology.Replica{{Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(i % 2), byte(10*i + 100)}), 24)}}
}

// replicas draws how many appliances a service in redirect mode has, and which of
// them get no flows; it says whether flows have to find another one.
func replicas(t *rapid.T, s *topology.Service) (moved bool) {
	was := s.Replicas
	s.Replicas = nil
	for n := range rapid.IntRange(1, 3).Draw(t, "replicas") {
		r := topology.Replica{Number: n, Idle: rapid.IntRange(0, 3).Draw(t, "idle") == 0}
		if n == 0 {
			r.Management = was[0].Management
		}
		s.Replicas = append(s.Replicas, r)
	}
	return slices.ContainsFunc(was, func(r topology.Replica) bool {
		return !r.Idle && !slices.ContainsFunc(s.Replicas, func(o topology.Replica) bool { return o.Number == r.Number && !o.Idle })
	})
}

// story is a tenant's life: which of its services are stitched into which
// networks now.
type story struct {
	base    topology.Fabric
	offered []topology.Service
	on      map[topology.InstanceID]map[topology.NetworkID]bool
	made    map[topology.InstanceID]int // generations of their appliances
}

func drawStory(t *rapid.T) *story {
	s := &story{base: drawTenant(t), on: map[topology.InstanceID]map[topology.NetworkID]bool{}, made: map[topology.InstanceID]int{}}
	for i := range rapid.IntRange(1, 4).Draw(t, "services") {
		s.offered = append(s.offered, drawService(t, i, networksOf(s.base)))
	}
	return s
}

// compose states what the story wants; false when that is refused.
func (s *story) compose() (topology.Fabric, bool) {
	var services []topology.Service
	for _, svc := range s.offered {
		if nets, ok := s.on[svc.Instance]; ok {
			svc.Generation = s.made[svc.Instance]
			svc.Stitches = slices.DeleteFunc(slices.Clone(svc.Stitches), func(st topology.Stitch) bool { return !nets[st.Network] })
			services = append(services, svc)
		}
	}
	f, err := topology.Compose(s.base, services)
	return f, err == nil
}

// turn draws one request: an instance comes or goes, one network of an instance
// does, or its appliance is replaced. It answers the networks it is about, or undoes itself when
// Compose refuses it.
func (s *story) turn(t *rapid.T) ([]topology.NetworkID, bool) {
	svc := &s.offered[rapid.IntRange(0, len(s.offered)-1).Draw(t, "service")]
	id := svc.Instance
	before := maps.Clone(s.on[id])
	n := rapid.SampledFrom(networksOf(s.base)).Draw(t, "network")
	var about []topology.NetworkID
	switch nets, on := s.on[id]; {
	case !on:
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(networksOf(s.base)), 0, -1, rapid.ID).Draw(t, "stitched")
		s.on[id] = map[topology.NetworkID]bool{}
		for _, n := range some {
			s.on[id][n] = true
		}
		about = some
	case rapid.Bool().Draw(t, "leaves"):
		about = stitched(nets)
		delete(s.on, id)
	case svc.Mode == topology.Redirected && rapid.Bool().Draw(t, "other members"):
		if replicas(t, svc) {
			about = stitched(nets)
		}
	case rapid.Bool().Draw(t, "is replaced"):
		about = stitched(nets)
		if svc.Mode == topology.Redirected && !slices.ContainsFunc(svc.Replicas, func(r topology.Replica) bool { return !r.Idle }) {
			about = nil // there is no member to be another
		}
		s.made[id]++
	case nets[n]:
		s.on[id] = maps.Clone(nets)
		delete(s.on[id], n)
		about = []topology.NetworkID{n}
	default:
		s.on[id] = maps.Clone(nets)
		s.on[id][n] = true
		about = []topology.NetworkID{n}
	}
	if _, ok := s.compose(); !ok {
		if s.on[id] = before; before == nil {
			delete(s.on, id)
		}
		return nil, false
	}
	slices.Sort(about)
	return about, true
}

func stitched(nets map[topology.NetworkID]bool) []topology.NetworkID {
	return slices.DeleteFunc(slices.Collect(maps.Keys(nets)), func(n topology.NetworkID) bool { return !nets[n] })
}

func routes(f topology.Fabric) map[topology.NetworkID]string {
	ways := map[topology.NetworkID]string{}
	for _, n := range networksOf(f) {
		route, ok := topology.Path(f, n)
		ways[n] = fmt.Sprint(route.Detail(), route.Appliances(), ok)
	}
	return ways
}

// requireSafe applies steps one by one: each is safe, disturbs only the networks
// it says it swaps, does nothing when repeated, and a plan made there (after every
// move and at a quarter of the other places) finishes.
func requireSafe(t *rapid.T, have, want topology.Fabric, steps []topology.Step) {
	now, was := have, routes(have)
	crash := rapid.IntRange(0, 3).Draw(t, "crash")
	for i, s := range steps {
		next, err := topology.Apply(now, s)
		require.NoError(t, err, "%s\nin\n%s", s, topology.Text(steps))
		require.Empty(t, topology.CheckBetween(have, next, want), "after %s\nin\n%s", s, topology.Text(steps))

		is := routes(next)
		for n := range is {
			if s.Verb == topology.SetRedirect { // which is about some flows only
				require.Equal(t, was[n], is[n], "%s and network %s", s, n)
				continue
			}
			require.Equal(t, slices.Contains(s.Serves, n), was[n] != is[n], "%s and network %s: %s, then %s", s, n, was[n], is[n])
		}
		again, err := topology.Apply(next, s)
		require.NoError(t, err, "%s, repeated", s)
		requireSame(t, next, again)

		if s.Verb == topology.Move || i%4 == crash {
			requireResumes(t, next, want, steps[i+1:])
		}
		now, was = next, is
	}
	requireSame(t, want, now)
	require.Empty(t, plan(t, now, want), "nothing is left to do")
}

// requireSame compares quickly and tells the difference in JSON, by line.
func requireSame(t *rapid.T, want, got topology.Fabric) {
	if !reflect.DeepEqual(want, got) {
		w, _ := json.MarshalIndent(want, "", " ")
		g, _ := json.MarshalIndent(got, "", " ")
		require.Equal(t, strings.Split(string(w), "\n"), strings.Split(string(g), "\n"))
		require.Equal(t, want, got)
	}
}

// requireResumes plans from a state in which an earlier run stopped: only what
// is missing is done. Waiting and shutting down may be repeated.
func requireResumes(t *rapid.T, now, want topology.Fabric, left []topology.Step) {
	rest := plan(t, now, want)
	requireSame(t, want, applyAll(t, now, rest))
	sentences := func(steps []topology.Step) []string {
		var all []string
		for _, s := range steps {
			if s.Verb != topology.Await && s.Verb != topology.Shutdown {
				all = append(all, s.String())
			}
		}
		return all
	}
	require.ElementsMatch(t, sentences(left), sentences(rest))
}

// requireUndoes applies a prefix of the steps and undoes it in reverse.
func requireUndoes(t *rapid.T, have topology.Fabric, steps []topology.Step) {
	prefix := steps[:rapid.IntRange(0, len(steps)).Draw(t, "prefix")]
	f := applyAll(t, have, prefix)
	for _, s := range slices.Backward(prefix) {
		if back, ok := s.Inverse(); ok {
			var err error
			f, err = topology.Apply(f, back)
			require.NoError(t, err, "undo of %s: %s", s, back)
		}
	}
	requireSame(t, have, f)
}

func TestEveryPrefixOfEveryPlanIsSafe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		have, _ := s.compose()
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			for range rapid.IntRange(1, 3).Draw(t, "at once") {
				s.turn(t)
			}
			want, ok := s.compose()
			require.True(t, ok)
			steps := plan(t, have, want)
			requireSafe(t, have, want, steps)
			requireUndoes(t, have, steps)
			have = want
		}
		gone := plan(t, have, topology.Base(have))
		requireSafe(t, have, s.base, gone)
	})
}

func TestARequestSwapsEachOfItsNetworksOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		have, _ := s.compose()
		for range rapid.IntRange(1, 6).Draw(t, "requests") {
			about, ok := s.turn(t)
			if !ok {
				continue
			}
			want, _ := s.compose()
			cost := topology.Count(plan(t, have, want))
			require.ElementsMatch(t, about, cost.Swapped)
			for n, moves := range cost.Swaps {
				require.Equal(t, 1, moves, "moves of network %s", n)
			}
			have = want
		}
	})
}

// Any two fabrics: chains in another order, legs used for other networks, own
// and shared segments exchanged. Traffic may be cut on the way, never worse.
func TestAnyFabricIsReachedFromAnyOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := drawTenant(t)
		have, want := drawAny(t, base), drawAny(t, base)
		steps := plan(t, have, want)
		now := have
		crash := rapid.IntRange(0, 3).Draw(t, "crash")
		for i, s := range steps {
			var err error
			now, err = topology.Apply(now, s)
			require.NoError(t, err, "%s\nin\n%s", s, topology.Text(steps))
			for _, v := range topology.CheckBetween(have, now, want) {
				require.Contains(t, []topology.Fault{topology.Unreachable, topology.Misordered}, v.Fault, "%s after %s\nin\n%s", v, s, topology.Text(steps))
			}
			if i%4 == crash {
				requireSame(t, want, applyAll(t, now, plan(t, now, want)))
			}
		}
		requireSame(t, want, now)
		requireUndoes(t, have, steps)
	})
}

// drawAny draws services whose pairs and ranks are drawn anew each time. NICs
// depend on the instance only, as an instance keeps its package.
func drawAny(t *rapid.T, base topology.Fabric) topology.Fabric {
	var services []topology.Service
	for i := range 4 {
		if rapid.Bool().Draw(t, "absent") {
			continue
		}
		svc := topology.Service{Instance: topology.InstanceID(fmt.Sprintf("svc%d", i)), Zones: topology.Bridged}
		for p := range 3 {
			svc.NICs = append(svc.NICs, topology.NIC{Role: topology.Inside, Pair: p + 1}, topology.NIC{Role: topology.Outside, Pair: p + 1})
		}
		if i%2 == 1 {
			svc.Zones, svc.NICs = topology.Isolated, svc.NICs[:5] // three inside, two outside
		}
		for _, n := range networksOf(base) {
			if !rapid.Bool().Draw(t, "stitched") {
				continue
			}
			svc.Stitches = append(svc.Stitches, topology.Stitch{Network: n,
				Pair: rapid.IntRange(1, 3).Draw(t, "pair"), Rank: rapid.IntRange(1, 3).Draw(t, "rank")})
			if _, err := topology.Compose(base, append(slices.Clone(services), svc)); err != nil {
				svc.Stitches = svc.Stitches[:len(svc.Stitches)-1]
			}
		}
		services = append(services, svc)
	}
	return compose(t, base, services...)
}
