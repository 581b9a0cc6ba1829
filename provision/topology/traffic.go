package topology

import (
	"cmp"
	"slices"
)

// traffic works out whose traffic passes where. Traffic flows from the tenant
// networks through inside legs to outside legs and their segments.
type traffic struct {
	f       *Fabric
	nets    map[NetworkID]*Network
	outs    map[NetworkID][]outLeg // outside legs by the network they are plugged into
	feeds   map[outLeg][]NetworkID // where the inside legs that lead to an outside leg are plugged in
	carries map[NetworkID][]NetworkID
	turned  map[NetworkID][]NetworkID // whose flows rules send through a segment
	stands  map[NetworkID]bool        // segments at which an appliance of the instance stands that is in no path
	open    map[NetworkID]bool        // being worked out: guards against loops
}

type outLeg struct {
	appliance *Appliance
	leg       int
}

func newTraffic(f *Fabric) *traffic {
	t := &traffic{f: f, nets: make(map[NetworkID]*Network, len(f.Networks)), outs: map[NetworkID][]outLeg{}, feeds: map[outLeg][]NetworkID{},
		carries: make(map[NetworkID][]NetworkID, len(f.Networks)), turned: map[NetworkID][]NetworkID{}, stands: map[NetworkID]bool{}, open: map[NetworkID]bool{}}
	for _, r := range f.Redirects {
		for _, m := range r.Members {
			t.turned[m.Inside] = append(t.turned[m.Inside], r.Network)
			t.turned[m.Outside] = append(t.turned[m.Outside], r.Network)
		}
	}
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
				if n := t.nets[in.At]; n != nil && n.Role == RoleSegment && n.Instance == a.Instance {
					t.stands[in.At], t.stands[a.Legs[w.out].At] = true, true
				}
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
	if t.stands[n.ID] && len(carries) == 0 {
		n.Carries, n.Subnets = nil, nil
	}
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
	all := t.turned[id]
	for _, o := range t.outs[id] {
		if o.appliance.Instance == n.Instance {
			all = append(all, t.through(o)...)
		}
	}
	delete(t.open, id)
	all = sortedUnique(all)
	if len(all) == 0 && !t.stands[id] {
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

func sortedSubnets(s []Subnet) []Subnet {
	slices.SortFunc(s, func(a, b Subnet) int {
		return cmp.Or(a.CIDR.Addr().Compare(b.CIDR.Addr()), cmp.Compare(a.CIDR.Bits(), b.CIDR.Bits()))
	})
	return slices.Compact(s)
}
