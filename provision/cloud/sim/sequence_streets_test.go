package sim_test

import (
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// streets are the networks of all tenants as frames see them.
type streets struct {
	networks   map[topology.NetworkID]topology.Network
	owners     map[topology.NetworkID]topology.TenantID
	ends       map[topology.NetworkID][]leg
	plugs      map[topology.PortID]topology.Plug
	appliances map[topology.ApplianceID]*topology.Appliance
	rules      map[topology.RedirectID]*topology.Redirect
}

type leg struct {
	of *topology.Appliance
	i  int
}

// wire joins an inside and an outside leg. One that is apart lets frames out, and in
// only to whom they are for.
type wire struct {
	in, out int
	apart   bool
}

// stop is a network that frames get to, and how.
type stop struct {
	at   topology.NetworkID
	from int
	by   *topology.Appliance
	wire wire
}

// streetsOf are those of some tenants.
func streetsOf(fabrics ...topology.Fabric) *streets {
	m := &streets{map[topology.NetworkID]topology.Network{}, map[topology.NetworkID]topology.TenantID{}, map[topology.NetworkID][]leg{},
		map[topology.PortID]topology.Plug{}, map[topology.ApplianceID]*topology.Appliance{}, map[topology.RedirectID]*topology.Redirect{}}
	for _, f := range fabrics {
		for _, n := range f.Networks {
			m.networks[n.ID], m.owners[n.ID] = n, f.Tenant
		}
		for _, g := range f.Gateways {
			for _, plug := range g.Plugs {
				m.plugs[plug.Port] = plug
			}
		}
		for i := range f.Redirects {
			m.rules[f.Redirects[i].ID] = &f.Redirects[i]
		}
		for i := range f.Appliances {
			a := &f.Appliances[i]
			m.appliances[a.ID] = a
			for j, l := range a.Legs {
				if l.At != "" {
					m.ends[l.At] = append(m.ends[l.At], leg{a, j})
				}
			}
		}
	}
	return m
}

// wiresOf are the ways through an appliance. The outside leg of the same pair is
// the far end; where there are fewer outside legs, the first one for all whose own
// is not plugged in.
func wiresOf(a *topology.Appliance) []wire {
	var ins, outs []int
	for i, l := range a.Legs {
		switch l.Role {
		case topology.Inside:
			ins = append(ins, i)
		case topology.Outside:
			outs = append(outs, i)
		}
	}
	var list []wire
	for _, in := range ins {
		own := slices.IndexFunc(outs, func(out int) bool { return a.Legs[out].Pair == a.Legs[in].Pair })
		switch apart := len(outs) < len(ins); {
		case own >= 0 && (!apart || a.Legs[outs[own]].At != ""):
			list = append(list, wire{in, outs[own], apart})
		case apart && len(outs) > 0:
			list = append(list, wire{in, outs[0], true})
		}
	}
	return list
}

// walk follows the frames of a network's hosts. Two ways to the same place are a
// loop.
func (m *streets) walk(from topology.NetworkID) ([]stop, error) {
	stops := []stop{{at: from}}
	for i := 0; i < len(stops); i++ {
		for _, end := range m.ends[stops[i].at] {
			for _, w := range wiresOf(end.of) {
				far := w.out
				if end.i == w.out && !w.apart {
					far = w.in
				} else if end.i != w.in {
					continue
				}
				to := end.of.Legs[far].At
				if to == "" || i > 0 && end.of == stops[i].by && w == stops[i].wire {
					continue
				}
				if slices.ContainsFunc(stops, func(s stop) bool { return s.at == to }) {
					return stops, fmt.Errorf("frames of %s go round in a loop through %s", from, end.of.ID)
				}
				stops = append(stops, stop{to, i, end.of, w})
			}
		}
	}
	return stops, nil
}

// way is the appliances between a network's hosts and a network, in order.
func (m *streets) way(from, to topology.NetworkID) ([]*topology.Appliance, bool) {
	stops, _ := m.walk(from)
	i := slices.IndexFunc(stops, func(s stop) bool { return s.at == to })
	if i < 0 {
		return nil, false
	}
	var way []*topology.Appliance
	for ; i > 0; i = stops[i].from {
		way = append(way, stops[i].by)
	}
	slices.Reverse(way)
	return way, true
}

// tree says whether frames of a tenant go round, reach a network that is not for
// them, or another tenant's.
func (m *streets) tree(tenant topology.TenantID) error {
	for id, n := range m.networks {
		if m.owners[id] != tenant {
			continue
		}
		stops, err := m.walk(id)
		if err != nil {
			return err
		}
		for _, s := range stops[1:] {
			to, ok := m.networks[s.at]
			switch {
			case !ok:
				return fmt.Errorf("%s is plugged into %s, which does not exist", s.by.ID, s.at)
			case m.owners[s.at] != tenant:
				return fmt.Errorf("frames of %s reach %s of tenant %s", id, s.at, m.owners[s.at])
			case n.Role == topology.RoleTenant && to.Role != topology.RoleSegment:
				return fmt.Errorf("frames of %s reach %s", id, s.at)
			}
		}
	}
	return nil
}
