package topology

import (
	"cmp"
	"slices"
)

// Settle returns f in its one canonical form: slices sorted and not nil, and all
// that follows from the plugs worked out anew, namely Serves of legs, Carries
// and Subnets of segments, Subnets of the management network. A segment that
// nothing is plugged into yet keeps what it was made with. A driver's Observe
// ends with it, so that two observations of the same cloud are deeply equal. It
// does not change its argument.
func Settle(f Fabric) Fabric {
	f = clone(f)
	slices.SortFunc(f.Networks, func(a, b Network) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(f.Gateways, func(a, b Gateway) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(f.Appliances, func(a, b Appliance) int { return cmp.Compare(a.ID, b.ID) })
	for i := range f.Gateways {
		slices.SortFunc(f.Gateways[i].Plugs, func(a, b Plug) int { return cmp.Compare(a.Port, b.Port) })
	}
	for i := range f.Appliances {
		slices.SortFunc(f.Appliances[i].Legs, func(a, b Leg) int { return cmp.Compare(a.NIC, b.NIC) })
	}
	newTraffic(&f).mark()
	return f
}

// Base is the fabric without anything made here: the tenant's own networks, with
// every gateway plug at home.
func Base(f Fabric) Fabric {
	f = clone(f)
	f.Networks = slices.DeleteFunc(f.Networks, func(n Network) bool { return n.Role != RoleTenant })
	f.Appliances = []Appliance{}
	for i := range f.Gateways {
		for j := range f.Gateways[i].Plugs {
			p := &f.Gateways[i].Plugs[j]
			p.At = p.Home
		}
	}
	return Settle(f)
}

// clone copies all that this package ever changes in a fabric.
func clone(f Fabric) Fabric {
	f.Networks = copied(f.Networks)
	for i := range f.Networks {
		f.Networks[i] = cloneNetwork(f.Networks[i])
	}
	f.Gateways = copied(f.Gateways)
	for i := range f.Gateways {
		plugs := copied(f.Gateways[i].Plugs)
		for j := range plugs {
			plugs[j].Addresses = some(plugs[j].Addresses)
		}
		f.Gateways[i].Plugs = plugs
	}
	f.Appliances = copied(f.Appliances)
	for i := range f.Appliances {
		f.Appliances[i] = cloneAppliance(f.Appliances[i])
	}
	return f
}

func cloneNetwork(n Network) Network {
	n.Subnets, n.Carries = some(n.Subnets), some(n.Carries)
	return n
}

func cloneAppliance(a Appliance) Appliance {
	a.Legs = copied(a.Legs)
	for i := range a.Legs {
		a.Legs[i].Serves = some(a.Legs[i].Serves)
	}
	return a
}

// copied is a copy that is never nil; some is one that is nil when empty, as JSON
// leaves it out.
func copied[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }
func some[T any](s []T) []T   { return append([]T(nil), s...) }

// traffic works out whose traffic passes where. Traffic flows from the tenant
// networks through inside legs to outside legs and their segments.
type traffic struct {
	f       *Fabric
	nets    map[NetworkID]*Network
	outs    map[NetworkID][]outLeg // outside legs by the network they are plugged into
	feeds   map[outLeg][]NetworkID // where the inside legs that lead to an outside leg are plugged in
	carries map[NetworkID][]NetworkID
	open    map[NetworkID]bool // being worked out: guards against loops
}

type outLeg struct {
	appliance *Appliance
	leg       int
}

func newTraffic(f *Fabric) *traffic {
	t := &traffic{f: f, nets: make(map[NetworkID]*Network, len(f.Networks)), outs: map[NetworkID][]outLeg{}, feeds: map[outLeg][]NetworkID{},
		carries: make(map[NetworkID][]NetworkID, len(f.Networks)), open: map[NetworkID]bool{}}
	for i := range f.Networks {
		t.nets[f.Networks[i].ID] = &f.Networks[i]
	}
	for i := range f.Appliances {
		a := &f.Appliances[i]
		for j, l := range a.Legs {
			if l.Role == Outside && l.At != "" {
				t.outs[l.At] = append(t.outs[l.At], outLeg{a, j})
			}
		}
		for _, w := range wires(a) {
			if in := a.Legs[w.in]; in.At != "" {
				t.feeds[outLeg{a, w.out}] = append(t.feeds[outLeg{a, w.out}], in.At)
			}
		}
	}
	return t
}

func (t *traffic) mark() {
	management := map[NetworkID][]Subnet{}
	for i := range t.f.Appliances {
		a := &t.f.Appliances[i]
		for j := range a.Legs {
			l := &a.Legs[j]
			switch {
			case l.Role == Inside && l.At != "":
				l.Serves = some(t.at(l.At))
			case l.Role == Outside && l.At != "":
				l.Serves = some(t.through(outLeg{a, j}))
			default:
				l.Serves = nil
			}
			if l.Role == Management && l.At != "" && l.Address.IsValid() {
				management[l.At] = append(management[l.At], Subnet{CIDR: l.Address.Masked()})
			}
		}
	}
	for i := range t.f.Networks {
		n := &t.f.Networks[i]
		switch n.Role {
		case RoleTenant:
		case RoleSegment:
			t.markSegment(n)
		case RoleManagement:
			if subnets := management[n.ID]; len(subnets) > 0 {
				n.Subnets = sortedSubnets(subnets)
			}
		}
	}
}

func (t *traffic) markSegment(n *Network) {
	carries := t.at(n.ID)
	if len(carries) == 0 || slices.Equal(carries, n.Carries) && len(n.Subnets) > 0 {
		return
	}
	n.Carries, n.Subnets = some(carries), nil
	for _, id := range carries {
		if home := t.nets[id]; home != nil {
			n.Subnets = append(n.Subnets, home.Subnets...)
		}
	}
}

// at is whose traffic there is on a network.
func (t *traffic) at(id NetworkID) []NetworkID {
	n := t.nets[id]
	if n == nil || t.open[id] {
		return nil
	}
	if n.Role == RoleTenant {
		return []NetworkID{id}
	}
	if known, ok := t.carries[id]; ok {
		return known
	}
	t.open[id] = true
	var all []NetworkID
	for _, o := range t.outs[id] {
		if o.appliance.Instance == n.Instance {
			all = append(all, t.through(o)...)
		}
	}
	delete(t.open, id)
	all = sortedUnique(all)
	if len(all) == 0 {
		all = n.Carries
	}
	t.carries[id] = all
	return all
}

// through is whose traffic leaves through an outside leg.
func (t *traffic) through(o outLeg) []NetworkID {
	var all []NetworkID
	for _, id := range t.feeds[o] {
		all = append(all, t.at(id)...)
	}
	return sortedUnique(all)
}

func sortedUnique(ids []NetworkID) []NetworkID {
	if len(ids) < 2 {
		return some(ids)
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

func sortedSubnets(s []Subnet) []Subnet {
	slices.SortFunc(s, func(a, b Subnet) int {
		return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
	})
	return slices.Compact(s)
}
