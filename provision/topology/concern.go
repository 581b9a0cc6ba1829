package topology

import (
	"iter"
	"slices"
)

// A plan touches little of a large tenant. So Plan compares the two fabrics once,
// which is quick, and then looks only at what it can touch: the networks at which
// something differs and all that frames from there could reach, before or after.
// Traffic elsewhere neither changes nor can be changed by any order of the steps.

// concerned is what a plan from have to want concerns.
func concerned(have, want Fabric) *concern {
	have, want = sorted(have), sorted(want)
	c := &concern{have: side{f: &have}, want: side{f: &want},
		networks: map[NetworkID]bool{}, appliances: map[ApplianceID]bool{}, rules: map[RedirectID]bool{}, along: map[NetworkID]bool{}}
	c.compareNetworks()
	c.comparePlugs()
	c.compareAppliances()
	c.compareRules()
	c.follow()
	return c
}

// concern gathers what a plan can touch.
type concern struct {
	have, want side
	networks   map[NetworkID]bool // whose frames it can concern
	appliances map[ApplianceID]bool
	rules      map[RedirectID]bool
	along      map[NetworkID]bool // kept only as something is plugged into them
	todo       []NetworkID        // of networks, those not yet followed
}

// side is one of the two fabrics, as far as frames need it.
type side struct {
	f     *Fabric
	ends  byNetwork[end]
	plugs byNetwork[*Plug]
	ways  map[int][][]int // by appliance and leg: the legs at the other ends of its wires
}

// end is a data leg by its place in a fabric.
type end struct{ appliance, leg int }

// byNetwork finds things by the network that they are plugged into. One list for
// all spares thousands of short ones.
type byNetwork[T any] struct {
	things []T
	before []int             // of each thing: where another one of its network is, from 1
	last   map[NetworkID]int // where the last one is, from 1
}

func newByNetwork[T any](networks int) byNetwork[T] {
	return byNetwork[T]{make([]T, 0, 2*networks), make([]int, 0, 2*networks), make(map[NetworkID]int, networks)}
}

func (b *byNetwork[T]) add(id NetworkID, thing T) {
	b.things, b.before = append(b.things, thing), append(b.before, b.last[id])
	b.last[id] = len(b.things)
}

func (b *byNetwork[T]) at(id NetworkID) iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := b.last[id]; i > 0 && yield(b.things[i-1]); i = b.before[i-1] {
		}
	}
}

func (c *concern) network(ids ...NetworkID) {
	for _, id := range ids {
		if id != "" && !c.networks[id] {
			c.networks[id] = true
			c.todo = append(c.todo, id)
		}
	}
}

func (c *concern) compareNetworks() {
	merge(c.have.f.Networks, c.want.f.Networks, byNetworkID, func(a, b *Network) {
		switch {
		case a == nil:
			c.network(b.ID)
		case b == nil || a.Role != b.Role || a.Instance != b.Instance || a.Name != b.Name:
			c.network(a.ID)
		}
	})
}

func (c *concern) comparePlugs() {
	merge(c.have.f.Gateways, c.want.f.Gateways, byGatewayID, func(a, b *Gateway) {
		merge(plugsOf(a), plugsOf(b), byPort, func(a, b *Plug) {
			if a == nil || b == nil || a.At != b.At || a.Home != b.Home {
				for _, p := range both(a, b) {
					c.network(p.Home, p.At)
				}
			}
		})
	})
}

func plugsOf(g *Gateway) []Plug {
	if g == nil {
		return nil
	}
	return g.Plugs
}

func (c *concern) compareAppliances() {
	merge(c.have.f.Appliances, c.want.f.Appliances, byApplianceID, func(a, b *Appliance) {
		if a == nil || b == nil || a.Booted != b.Booted || a.Start != b.Start || a.Instance != b.Instance || a.Side != b.Side || a.Name != b.Name || a.Provider != b.Provider || len(a.Legs) != len(b.Legs) {
			c.appliance(both(a, b), func(Leg) bool { return true })
			return
		}
		for i := range a.Legs {
			was, will := &a.Legs[i], &b.Legs[i]
			switch {
			case !sameLeg(was, will):
				c.appliance(both(a, b), func(Leg) bool { return true })
				return
			case was.At != will.At:
				apart := keepsApart(a)
				c.appliance(both(a, b), func(l Leg) bool { return apart || l.Pair == was.Pair })
			}
		}
	})
}

// sameLeg compares all but where a leg is plugged in and what follows from that.
func sameLeg(a, b *Leg) bool {
	return a.Port == b.Port && a.NIC == b.NIC && a.Role == b.Role && a.Pair == b.Pair && a.MAC == b.MAC && a.Address == b.Address
}

// keepsApart says whether legs of different pairs can have to do with each other.
func keepsApart(a *Appliance) bool {
	ws := wires(a)
	return len(ws) > 0 && ws[0].apart
}

// appliance concerns one and the networks that some of its data legs are plugged into.
func (c *concern) appliance(versions []*Appliance, which func(Leg) bool) {
	for _, a := range versions {
		c.appliances[a.ID] = true
		for _, l := range a.Legs {
			if l.carriesData() && which(l) {
				c.network(l.At)
			}
		}
	}
}

func (l *Leg) carriesData() bool { return l.Role == Inside || l.Role == Outside }

func (c *concern) compareRules() {
	merge(c.have.f.Redirects, c.want.f.Redirects, byRedirectID, func(a, b *Redirect) {
		if same(a, b) {
			return
		}
		for _, r := range both(a, b) {
			c.rules[r.ID] = true
			c.network(r.Network)
			for _, m := range r.Members {
				c.appliances[m.Appliance] = true
				c.network(m.Inside, m.Outside)
			}
		}
	})
}

// follow adds all that frames of the networks concerned can reach, and rules that
// go with the appliances.
func (c *concern) follow() {
	if len(c.todo) > 0 {
		c.have.index()
		c.want.index()
	}
	for len(c.todo) > 0 {
		id := c.todo[len(c.todo)-1]
		c.todo = c.todo[:len(c.todo)-1]
		for _, s := range []*side{&c.have, &c.want} {
			for p := range s.plugs.at(id) {
				c.network(p.Home, p.At)
			}
			for e := range s.ends.at(id) {
				a := &s.f.Appliances[e.appliance]
				c.appliances[a.ID] = true
				for _, far := range s.way(e) {
					c.network(a.Legs[far].At)
				}
			}
		}
	}
	for _, f := range []*Fabric{c.have.f, c.want.f} {
		c.bring(f)
	}
}

// bring notes what has to come along for the appliances' sake.
func (c *concern) bring(f *Fabric) {
	for _, r := range f.Redirects {
		if slices.ContainsFunc(r.Members, func(m Member) bool { return c.appliances[m.Appliance] }) {
			c.rules[r.ID], c.along[r.Network] = true, true
		}
	}
	for _, a := range f.Appliances {
		if !c.appliances[a.ID] {
			continue
		}
		for _, l := range a.Legs {
			c.along[l.At] = true
		}
	}
}

func (s *side) index() {
	n := len(s.f.Networks)
	s.ends, s.plugs, s.ways = newByNetwork[end](n), newByNetwork[*Plug](n), map[int][][]int{}
	for i := range s.f.Appliances {
		for j := range s.f.Appliances[i].Legs {
			if l := &s.f.Appliances[i].Legs[j]; l.carriesData() && l.At != "" {
				s.ends.add(l.At, end{i, j})
			}
		}
	}
	for _, g := range s.f.Gateways {
		for i := range g.Plugs {
			p := &g.Plugs[i]
			s.plugs.add(p.Home, p)
			if p.At != p.Home {
				s.plugs.add(p.At, p)
			}
		}
	}
}

// way is the legs at the other ends of a leg's wires.
func (s *side) way(e end) []int {
	ways, ok := s.ways[e.appliance]
	if !ok {
		a := &s.f.Appliances[e.appliance]
		ways = make([][]int, len(a.Legs))
		for _, w := range wires(a) {
			ways[w.in] = append(ways[w.in], w.out)
			ways[w.out] = append(ways[w.out], w.in)
		}
		s.ways[e.appliance] = ways
	}
	return ways[e.leg]
}

// cut keeps what is concerned of a fabric. Appliances are kept whole; the networks
// of their other legs come along as they are, without what else is plugged in there.
func (c *concern) cut(s side) Fabric {
	f := *s.f
	f.Networks = keep(f.Networks, func(n *Network) bool { return c.networks[n.ID] || c.along[n.ID] })
	f.Appliances = keep(f.Appliances, func(a *Appliance) bool { return c.appliances[a.ID] })
	f.Redirects = keep(f.Redirects, func(r *Redirect) bool { return c.rules[r.ID] })
	f.Gateways = slices.Clone(f.Gateways)
	for i := range f.Gateways {
		f.Gateways[i].Plugs = keep(f.Gateways[i].Plugs, func(p *Plug) bool { return c.networks[p.Home] })
	}
	return f
}

func keep[T any](list []T, may func(*T) bool) []T {
	var kept []T
	for i := range list {
		if may(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// merge walks two sorted lists and shows what belongs together; nil where one list
// has none.
func merge[T any](a, b []T, order func(a, b T) int, show func(a, b *T)) {
	for len(a) > 0 || len(b) > 0 {
		way := 0
		switch {
		case len(a) == 0:
			way = 1
		case len(b) == 0:
			way = -1
		default:
			way = order(a[0], b[0])
		}
		var x, y *T
		if way <= 0 {
			x, a = &a[0], a[1:]
		}
		if way >= 0 {
			y, b = &b[0], b[1:]
		}
		show(x, y)
	}
}

// both are those of two that there are.
func both[T any](a, b *T) []*T {
	return slices.DeleteFunc([]*T{a, b}, func(p *T) bool { return p == nil })
}
