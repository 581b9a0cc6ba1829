package topology_test

import (
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// The least number of steps between two fabrics is found here by search, and by code
// that shares nothing with the planner. What has to be made, removed, waited for is
// counted; what is searched for is how often ports have to be moved. A port may be
// moved to any network that there is before or after, or be unplugged, at any time;
// appliances come and go at any time, and no leg of a new one needs to be plugged
// in at once. Nothing is made that is neither there before nor after.
//
// Networks with nothing in common, not even in between, are searched apart from each
// other: a safe way for both together is a safe way for each.

// model is what there is before or after, with numbers for ids. Network 0 is none.
type model struct {
	tenant   []bool // by network
	ports    []port
	machines []kit
}

// port is a gateway's port or a data leg.
type port struct {
	machine    int // -1: a gateway's
	home       int // of a gateway's: the network it serves
	have, want int // where it is plugged in
}

// kit is an appliance.
type kit struct {
	instance   topology.InstanceID
	have, want bool
	ways       []way
}

// way is a wire between two ports. One that is apart leads out only, and takes the
// kit's first outside leg if its own is not plugged in.
type way struct {
	in, own, first int
	apart          bool
}

// modelOf is the model of two fabrics, and which network, port and appliance has
// which number.
func modelOf(have, want topology.Fabric) *naming {
	m := &naming{networks: map[topology.NetworkID]int{"": 0}, ports: map[topology.PortID]int{}, machines: map[topology.ApplianceID]int{}}
	m.tenant = []bool{false}
	for _, f := range []topology.Fabric{have, want} {
		for _, n := range f.Networks {
			if _, ok := m.networks[n.ID]; !ok {
				m.networks[n.ID] = len(m.tenant)
				m.tenant = append(m.tenant, n.Role == topology.RoleTenant)
			}
		}
	}
	m.add(have, func(p *port) *int { return &p.have }, func(k *kit) *bool { return &k.have })
	m.add(want, func(p *port) *int { return &p.want }, func(k *kit) *bool { return &k.want })
	return m
}

type naming struct {
	model
	networks map[topology.NetworkID]int
	ports    map[topology.PortID]int
	machines map[topology.ApplianceID]int
}

func (m *naming) add(f topology.Fabric, at func(*port) *int, there func(*kit) *bool) {
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			*at(m.port(p.Port, port{machine: -1, home: m.networks[p.Home]})) = m.networks[p.At]
		}
	}
	for _, a := range f.Appliances {
		i, known := m.machines[a.ID]
		if !known {
			i = len(m.model.machines)
			m.machines[a.ID] = i
			m.model.machines = append(m.model.machines, kit{instance: a.Instance})
		}
		for _, l := range a.Legs {
			if l.Role == topology.Inside || l.Role == topology.Outside {
				*at(m.port(l.Port, port{machine: i})) = m.networks[l.At]
			}
		}
		k := &m.model.machines[i]
		*there(k) = true
		if !known {
			k.ways = m.ways(a)
		}
	}
}

func (m *naming) port(id topology.PortID, p port) *port {
	i, known := m.ports[id]
	if !known {
		i = len(m.model.ports)
		m.ports[id] = i
		m.model.ports = append(m.model.ports, p)
	}
	return &m.model.ports[i]
}

func (m *naming) ways(a topology.Appliance) []way {
	var ways []way
	var outs []topology.Leg
	ins := 0
	for _, l := range a.Legs {
		if l.Role == topology.Outside {
			outs = append(outs, l)
		}
		if l.Role == topology.Inside {
			ins++
		}
	}
	for _, l := range a.Legs {
		if l.Role != topology.Inside || len(outs) == 0 {
			continue
		}
		w := way{in: m.ports[l.Port], own: -1, first: m.ports[outs[0].Port], apart: len(outs) < ins}
		if own := slices.IndexFunc(outs, func(o topology.Leg) bool { return o.Pair == l.Pair }); own >= 0 {
			w.own = m.ports[outs[own].Port]
		}
		if w.own >= 0 || w.apart {
			ways = append(ways, w)
		}
	}
	return ways
}

// parts are the models of what has nothing in common with the rest, the networks
// that nothing is plugged into left out.
func (m *model) parts() []*model {
	groups := make([]int, len(m.tenant))
	for i := range groups {
		groups[i] = i
	}
	var root func(int) int
	root = func(i int) int {
		if groups[i] == i {
			return i
		}
		return root(groups[i])
	}
	join := func(list ...int) {
		list = slices.DeleteFunc(list, func(n int) bool { return n == 0 })
		for _, n := range list {
			groups[root(n)] = root(list[0])
		}
	}
	for _, p := range m.ports {
		join(p.home, p.have, p.want)
	}
	for _, k := range m.machines {
		for _, w := range k.ways {
			for _, out := range []int{w.own, w.first} {
				if out >= 0 && (out == w.own || w.apart) {
					in, out := m.ports[w.in], m.ports[out]
					join(in.have, out.have)
					join(in.want, out.want)
				}
			}
		}
	}
	var parts []*model
	for n := range m.tenant {
		if n > 0 && root(n) == n {
			parts = append(parts, m.part(func(o int) bool { return o > 0 && root(o) == n }))
		}
	}
	return parts
}

// part is the model of some networks and what is plugged in there.
func (m *model) part(mine func(network int) bool) *model {
	part, networks, ports := &model{tenant: []bool{false}}, map[int]int{}, map[int]int{-1: -1}
	for n, tenant := range m.tenant {
		if mine(n) {
			networks[n] = len(part.tenant)
			part.tenant = append(part.tenant, tenant)
		}
	}
	for i, k := range m.machines {
		for j, p := range m.ports {
			if p.machine == i && (mine(p.have) || mine(p.want)) {
				ports[j] = len(part.ports)
				part.ports = append(part.ports, port{len(part.machines), 0, networks[p.have], networks[p.want]})
			}
		}
		var ways []way
		for _, w := range k.ways {
			if in, ok := ports[w.in]; ok {
				ways = append(ways, way{in, portOr(ports, w.own), portOr(ports, w.first), w.apart})
			}
		}
		if len(ways) > 0 {
			part.machines = append(part.machines, kit{k.instance, k.have, k.want, ways})
		}
	}
	for _, p := range m.ports {
		if p.machine < 0 && mine(p.home) {
			part.ports = append(part.ports, port{-1, networks[p.home], networks[p.have], networks[p.want]})
		}
	}
	return part
}

func portOr(ports map[int]int, i int) int {
	if p, ok := ports[i]; ok {
		return p
	}
	return -1
}

// key is the same for models that differ in names only.
func (m *model) key() string {
	same := map[topology.InstanceID]int{}
	text := fmt.Sprint(m.tenant, m.ports)
	for _, k := range m.machines {
		if _, ok := same[k.instance]; !ok {
			same[k.instance] = len(same)
		}
		text += fmt.Sprint(same[k.instance], k.have, k.want, k.ways)
	}
	return text
}
