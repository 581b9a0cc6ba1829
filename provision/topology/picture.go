package topology

import (
	"cmp"
	"slices"
	"strings"
)

// picture is a fabric laid out in rows, one per tenant network and gateway that
// serves it, and columns, one per place in a chain: what Draw and SVG have in common.
type picture struct {
	title  string
	rows   []line
	nets   []box // tenant networks, before the first column
	boxes  []box // appliances
	gates  []box // gateways, in the column after the last
	joints []joint
	cols   int

	turns  []turned  // services in redirect mode
	aside  []outside // appliances that no traffic passes
	manage []managed
	notes  []string
}

// line is the way of one tenant network's traffic to one of its gateways.
type line struct {
	id      NetworkID
	network string // name and ranges
	hosts   []string
	stops   []stop
	gateway string // empty when it is not reached
}

// stop is an appliance that a line passes and the segment behind it.
type stop struct {
	id      ApplianceID
	box     face
	segment string
	col     int
}

// face is what stands on a box.
type face struct {
	name  string // short
	words string // how it does
	class string // what it looks like
	title string // all that is known, for who points at it
}

// box spans rows of one column.
type box struct {
	face
	col         int
	first, last int
}

// joint is a segment that rows share.
type joint struct {
	name        string
	col         int
	first, last int
}

// turned is flows that a gateway sends through appliances and takes back.
type turned struct {
	networks, match, gateway string
	members                  []face
}

// outside is an appliance beside the path, and where it is plugged in.
type outside struct {
	face
	where string
}

// managed is a network that the broker reaches appliances over.
type managed struct {
	name    string
	members string
}

// paint lays a scene out. Rows whose traffic passes the same appliances before
// the gateway are neighbours.
func paint(s Scene) picture {
	s.Fabric = Settle(s.Fabric)
	f := s.Fabric
	p := picture{title: s.title()}
	g := newGraph(f)
	ns := namesOf(f)
	used := map[crossing]bool{}
	doors := doorsOf(f)
	for _, n := range f.Networks {
		if n.Role != RoleTenant {
			continue
		}
		for _, d := range doors[n.ID] {
			p.rows = append(p.rows, s.line(g, n, d, ns, used))
		}
		if len(doors[n.ID]) == 0 {
			p.rows = append(p.rows, s.line(g, n, doorway{}, ns, used))
		}
	}
	slices.SortStableFunc(p.rows, func(a, b line) int {
		x, y := a.key(), b.key()
		return cmp.Or(cmp.Compare(min(1, len(y)), min(1, len(x))), slices.Compare(x, y))
	})
	p.place()
	p.gather()
	p.redirects(s, ns)
	p.note(s, g, ns, used)
	return p
}

// doorway is a gateway's plug with the gateway's name.
type doorway struct {
	gateway string
	plug    Plug
}

// doorsOf are those of a network's gateways, first the one that its hosts use.
func doorsOf(f Fabric) map[NetworkID][]doorway {
	doors := map[NetworkID][]doorway{}
	for _, gw := range f.Gateways {
		for _, plug := range gw.Plugs {
			door := doorway{label(gw.Name, gw.ID), plug}
			if f.gatewayOf(plug.Home) == gw.ID {
				doors[plug.Home] = slices.Insert(doors[plug.Home], 0, door)
				continue
			}
			doors[plug.Home] = append(doors[plug.Home], door)
		}
	}
	return doors
}

func (s Scene) line(g *graph, n Network, door doorway, ns names, used map[crossing]bool) line {
	l := line{id: n.ID, network: strings.Join(append([]string{short(label(n.Name, n.ID))}, ranges(n)...), " ")}
	for _, h := range s.Hosts[n.ID] {
		l.hosts = append(l.hosts, short(h))
	}
	fl := g.flood(n.ID)
	way, whole := fl.way(door.plug.At)
	at := n.ID
	for _, c := range way {
		used[c] = true
		whole = whole && c.node.Booted
		at = far(at, c)
		l.stops = append(l.stops, stop{id: c.node.ID, box: s.face(&c.node.Appliance), segment: short(ns.hop(at).Name)})
	}
	if whole {
		l.gateway = door.gateway
	}
	return l
}

func (s Scene) face(a *Appliance) face {
	f := face{name: short(a.label()), words: s.words(a), class: "appliance"}
	if a.Provider {
		f.class += " provider"
	}
	if remarks := s.remarks(a); len(remarks) > 0 {
		f.class += " bad"
	}
	f.title = "appliance " + string(a.ID) + " of instance " + string(a.Instance)
	if a.Provider {
		f.title += ", managed by the provider"
	}
	if f.words != "" {
		f.title += ": " + f.words
	}
	if detail := s.States[a.ID].Detail; detail != "" {
		f.title += " (" + detail + ")"
	}
	return f
}

// caption is what stands on a box in a single line.
func (f face) caption() string {
	if f.words == "" || f.words == "healthy" {
		return f.name
	}
	return f.name + " (" + f.words + ")"
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

// gather joins neighbouring rows of the same network, and those that pass the same
// appliance, segment or gateway.
func (p *picture) gather() {
	at := map[[2]int]stop{}
	for r, l := range p.rows {
		if last := len(p.nets) - 1; last >= 0 && p.rows[r-1].id == l.id {
			p.nets[last].last = r
		} else {
			p.nets = append(p.nets, box{face{name: l.network, class: "tenant", title: "the tenant's network " + string(l.id)}, -1, r, r})
		}
		for _, s := range l.stops {
			at[[2]int{r, s.col}] = s
			above, ok := at[[2]int{r - 1, s.col}]
			if ok && above.id == s.id {
				i := slices.IndexFunc(p.boxes, func(b box) bool { return b.col == s.col && b.last == r-1 })
				p.boxes[i].last = r
			} else {
				p.boxes = append(p.boxes, box{s.box, s.col, r, r})
			}
			if ok && above.id == s.id && above.segment == s.segment {
				p.join(s, r)
			}
		}
		switch last := len(p.gates) - 1; {
		case l.gateway == "":
		case last >= 0 && p.gates[last].name == short(l.gateway) && p.gates[last].last == r-1:
			p.gates[last].last = r
		default:
			p.gates = append(p.gates, box{face{name: short(l.gateway), class: "gateway", title: "gateway " + l.gateway}, p.cols, r, r})
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

// redirects takes rules together that are alike but for their network.
func (p *picture) redirects(s Scene, ns names) {
	gates := map[GatewayID]string{}
	for _, g := range s.Gateways {
		gates[g.ID] = label(g.Name, g.ID)
	}
	for _, r := range s.Redirects {
		name := short(ns.hop(r.Network).Name)
		t := turned{networks: name, match: printable(r.Match.String()), gateway: short(cmp.Or(gates[r.Gateway], printable(string(r.Gateway))))}
		for _, m := range r.Members {
			if a := s.appliance(m.Appliance); a != nil {
				t.members = append(t.members, s.face(a))
			}
		}
		i := slices.IndexFunc(p.turns, func(o turned) bool {
			return o.match == t.match && o.gateway == t.gateway && slices.Equal(o.members, t.members)
		})
		if i < 0 {
			p.turns = append(p.turns, t)
			continue
		}
		p.turns[i].networks += ", " + name
	}
}
