package sim_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// script is a sequence of requests of two tenants, drawn from its seed. What a
// request is about is settled as it is played, so that a script without one of its
// requests is a script, too.
type script struct {
	seed   uint64
	awaits int // that find an appliance not forwarding yet
	lots   [2]lot
	asks   []ask
}

// lot is what a tenant has by itself: the kinds of its networks, and which of them
// have a second gateway.
type lot struct {
	kinds  []int
	second []bool
}

// ask is a request: what it is, whose, choices to be made of numbers, and the
// failure on its way.
type ask struct {
	what   string
	tenant int
	pick   [6]int
	trip   trip
	at     int // the step that fails
}

// trip is how a call fails and what is done about it.
type trip int

const (
	smooth trip = iota
	triedAgainBefore
	triedAgainAfter // the answer was lost
	plannedAnewBefore
	plannedAnewAfter
	undoneBefore
	undoneAfter
	trips
)

func (t trip) after() bool  { return t == triedAgainAfter || t == plannedAnewAfter || t == undoneAfter }
func (t trip) anew() bool   { return t == plannedAnewBefore || t == plannedAnewAfter }
func (t trip) undone() bool { return t == undoneBefore || t == undoneAfter }

// whats are the kinds of requests, the frequent ones more than once.
var whats = []string{"provision", "provision", "provision", "bind", "bind", "unbind", "deprovision", "replace", "reorder",
	"bypass", "other side", "other side", "respin", "take over", "members", "mode", "die"}

func newScript(seed uint64) script {
	r := rand.New(rand.NewPCG(seed, 5))
	s := script{seed: seed, awaits: r.IntN(3)}
	for i := range s.lots {
		for range 1 + r.IntN(4) {
			s.lots[i].kinds = append(s.lots[i].kinds, r.IntN(len(ranges)))
			s.lots[i].second = append(s.lots[i].second, r.IntN(3) == 0)
		}
	}
	for range 2 + r.IntN(6) {
		a := ask{what: whats[r.IntN(len(whats))], tenant: r.IntN(2), at: r.IntN(64)}
		for i := range a.pick {
			a.pick[i] = r.IntN(1 << 16)
		}
		if r.IntN(3) == 0 {
			a.trip = trip(r.IntN(int(trips)))
		}
		s.asks = append(s.asks, a)
	}
	return s
}

func (s script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, networks %v and %v, requests:\n", s.seed, s.lots[0], s.lots[1])
	for i, a := range s.asks {
		fmt.Fprintf(&b, "%d. tenant %s: %s %v", i+1, names[a.tenant], a.what, a.pick)
		if a.trip != smooth {
			fmt.Fprintf(&b, ", failure %d at step %d", a.trip, a.at)
		}
		b.WriteString("\n")
	}
	return b.String()
}

var names = [2]topology.TenantID{"a", "b"}

// ranges are the kinds of networks: IPv4, IPv6, both, and several of one.
var ranges = [][]string{{"10.%d.0.0/24"}, {"fd00:%d::/64"}, {"10.%d.0.0/24", "fd00:%d::/64"}, {"10.%d.0.0/24", "10.%d.7.0/26", "fd00:%d::/64"}}

// build makes a tenant's networks, hosts and gateways.
func (l lot) build(p *play, tenant topology.TenantID) error {
	for i, kind := range l.kinds {
		n := topology.Network{ID: topology.NetworkID(fmt.Sprintf("%s-n%d", tenant, i))}
		for _, form := range ranges[kind] {
			cidr := netip.MustParsePrefix(fmt.Sprintf(form, i+1))
			n.Subnets = append(n.Subnets, topology.Subnet{CIDR: cidr, Gateway: cidr.Addr().Next()})
		}
		if err := p.sim.CreateNetwork(p.ctx, tenant, n); err != nil {
			return err
		}
		for j, s := range n.Subnets {
			address := netip.PrefixFrom(s.Gateway.Next(), s.CIDR.Bits())
			h := cloud.Host{Name: fmt.Sprintf("h%d-%s", j, n.ID), Network: n.ID, Address: address}
			if err := p.sim.CreateHost(p.ctx, tenant, h); err != nil {
				return err
			}
		}
	}
	return p.sim.Drift(tenant, func(f *topology.Fabric) { l.addGateway(f) })
}

// addGateway gives some networks a second gateway, on addresses of its own.
func (l lot) addGateway(f *topology.Fabric) {
	g := topology.Gateway{ID: topology.GatewayID("second-" + f.Tenant), Name: "second"}
	for i, n := range f.Networks {
		if !l.second[i] {
			continue
		}
		p := topology.Plug{Port: topology.PortID("second-" + n.ID), Home: n.ID, At: n.ID}
		for _, s := range n.Subnets {
			p.Addresses = append(p.Addresses, netip.PrefixFrom(s.Gateway.Next().Next(), s.CIDR.Bits()))
		}
		g.Plugs = append(g.Plugs, p)
	}
	if len(g.Plugs) > 0 {
		f.Gateways = append(f.Gateways, g)
	}
}

// shorten leaves out requests, and failures, for as long as the script fails all
// the same.
func (s script) shorten(fails func(script) error) (script, error) {
	why := fails(s)
	for again := why != nil; again; {
		again = false
		for i := range s.asks {
			without, calm := s, s
			without.asks = slices.Delete(slices.Clone(s.asks), i, i+1)
			calm.asks = slices.Clone(s.asks)
			calm.asks[i].trip = smooth
			if err := fails(without); err != nil {
				s, why, again = without, err, true
				break
			}
			if s.asks[i].trip == smooth {
				continue
			}
			if err := fails(calm); err != nil {
				s, why, again = calm, err, true
			}
		}
	}
	return s, why
}

func newSim(awaits int) *sim.Cloud {
	return sim.New(sim.Options{BootAwaits: awaits, KeepCalls: 1})
}
