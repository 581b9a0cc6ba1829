package topology

import (
	"cmp"
	"slices"
	"strings"
)

// picture is a fabric laid out in rows, one per tenant network, and columns, one
// per place in a chain: what Draw and SVG have in common.
type picture struct {
	tenant TenantID
	rows   []line
	boxes  []box // appliances
	gates  []box // gateways, in the column after the last
	joints []joint
	cols   int
	notes  []string
}

// line is one tenant network's way to its gateway.
type line struct {
	network string // name and ranges
	hosts   []string
	stops   []stop
	gateway string // empty when it is not reached
}

// stop is an appliance that a line passes and the segment behind it.
type stop struct {
	id      ApplianceID
	name    string
	segment string
	col     int
}

// box spans rows of one column.
type box struct {
	name        string
	col         int
	first, last int
}

// joint is a segment that rows share.
type joint struct {
	name        string
	col         int
	first, last int
}

// paint lays a fabric out. Rows whose traffic passes the same appliances before
// the gateway are neighbours.
func paint(f Fabric, hosts map[NetworkID][]string) picture {
	f = Settle(f)
	p := picture{tenant: f.Tenant}
	g := newGraph(f)
	ns := namesOf(f)
	used := map[crossing]bool{}
	plugs := firstPlugs(f)
	for _, n := range f.Networks {
		if n.Role == RoleTenant {
			p.rows = append(p.rows, g.line(n, plugs[n.ID], ns, used, hosts[n.ID]))
		}
	}
	slices.SortStableFunc(p.rows, func(a, b line) int {
		x, y := a.key(), b.key()
		return cmp.Or(cmp.Compare(min(1, len(y)), min(1, len(x))), slices.Compare(x, y))
	})
	p.place()
	p.gather()
	p.note(f, g, ns, used)
	for i := range p.notes {
		p.notes[i] = printable(p.notes[i])
	}
	return p
}

// doorway is a gateway's plug with the gateway's name.
type doorway struct {
	gateway string
	plug    Plug
}

// firstPlugs are those of the gateways that the networks' hosts use.
func firstPlugs(f Fabric) map[NetworkID]doorway {
	doors := map[NetworkID]doorway{}
	for _, gw := range f.Gateways {
		for _, plug := range gw.Plugs {
			if f.gatewayOf(plug.Home) == gw.ID {
				doors[plug.Home] = doorway{label(gw.Name, gw.ID), plug}
			}
		}
	}
	return doors
}

func (g *graph) line(n Network, door doorway, ns names, used map[crossing]bool, hosts []string) line {
	l := line{network: strings.Join(append([]string{label(n.Name, n.ID)}, ranges(n)...), " ")}
	for _, h := range hosts {
		l.hosts = append(l.hosts, printable(h))
	}
	fl := g.flood(n.ID)
	way, whole := fl.way(door.plug.At)
	at := n.ID
	for _, c := range way {
		used[c] = true
		name := label(c.node.Name, c.node.ID)
		if !c.node.Booted {
			name, whole = name+" (off)", false
		}
		at = far(at, c)
		l.stops = append(l.stops, stop{id: c.node.ID, name: name, segment: ns.hop(at).Name})
	}
	if whole {
		l.gateway = door.gateway
	}
	return l
}

func ranges(n Network) []string {
	var all []string
	for _, s := range n.Subnets {
		all = append(all, s.CIDR.String())
	}
	return all
}

// key is the appliances of a line, from the gateway on.
func (l line) key() []ApplianceID {
	var ids []ApplianceID
	for _, s := range slices.Backward(l.stops) {
		ids = append(ids, s.id)
	}
	return ids
}

// place gives every appliance a column to the right of all that traffic passes
// before it. Where two lines pass the same two in opposite orders that cannot be;
// then every line counts its own columns.
func (p *picture) place() {
	cols := map[ApplianceID]int{}
	for range len(p.rows) + 1 {
		moved := false
		for _, l := range p.rows {
			least := 0
			for _, s := range l.stops {
				if cols[s.id] < least {
					cols[s.id], moved = least, true
				}
				least = cols[s.id] + 1
			}
		}
		if !moved {
			p.setColumns(func(_ int, s stop) int { return cols[s.id] })
			return
		}
	}
	p.setColumns(func(i int, _ stop) int { return i })
}

func (p *picture) setColumns(col func(int, stop) int) {
	for r := range p.rows {
		for i := range p.rows[r].stops {
			s := &p.rows[r].stops[i]
			s.col = col(i, *s)
			p.cols = max(p.cols, s.col+1)
		}
	}
}

// gather joins neighbouring rows that pass the same appliance, segment or gateway.
func (p *picture) gather() {
	at := map[[2]int]stop{}
	for r, l := range p.rows {
		for _, s := range l.stops {
			at[[2]int{r, s.col}] = s
			above, ok := at[[2]int{r - 1, s.col}]
			if ok && above.id == s.id {
				i := slices.IndexFunc(p.boxes, func(b box) bool { return b.col == s.col && b.last == r-1 })
				p.boxes[i].last = r
			} else {
				p.boxes = append(p.boxes, box{s.name, s.col, r, r})
			}
			if ok && above.id == s.id && above.segment == s.segment {
				p.join(s, r)
			}
		}
		switch last := len(p.gates) - 1; {
		case l.gateway == "":
		case last >= 0 && p.gates[last].name == l.gateway && p.gates[last].last == r-1:
			p.gates[last].last = r
		default:
			p.gates = append(p.gates, box{l.gateway, p.cols, r, r})
		}
	}
}

func (p *picture) join(s stop, row int) {
	i := slices.IndexFunc(p.joints, func(j joint) bool { return j.name == s.segment && j.col == s.col && j.last == row-1 })
	if i < 0 {
		p.joints = append(p.joints, joint{s.segment, s.col, row - 1, row})
		return
	}
	p.joints[i].last = row
}
