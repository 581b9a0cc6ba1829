package ovf

import (
	"regexp"
	"slices"
)

// Side is a place at which a symmetric service has an appliance, and the virtual
// system that it is made of.
type Side struct{ Name, System string }

// Peer is a property that is filled with the management addresses of appliances on
// another side.
type Peer struct {
	Property string // full id
	Side     string // "" for all sides but its own
}

// maxSides is far above what any service has.
const maxSides = 16

var sideName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// Sides are those that the package names, each served by the virtual system in whose
// section it stands, in the order of the descriptor.
func (p *Package) Sides() []Side {
	var list []Side
	for _, c := range p.Systems() {
		if c.Service == nil {
			continue
		}
		for _, name := range c.Service.Sides {
			list = append(list, Side{name, c.ID})
		}
	}
	return list
}

func (r *reader) side(s *NetworkService, n node) {
	name := r.plain(n, "name")
	switch {
	case !sideName.MatchString(name):
		r.err(n.place(), CodeService, "the side's name is %q; it must be 1 to 32 small letters, digits and dashes", printable(name, 40))
	case len(s.Sides) >= maxSides:
		r.err(n.place().parent, CodeCountLimit, "more than %d sides", maxSides)
	default:
		s.Sides = append(s.Sides, name)
	}
}

func (r *reader) peer(s *NetworkService, n node) {
	p := Peer{Property: r.plain(n, "property"), Side: r.plain(n, "side")}
	switch {
	case p.Property == "":
		r.err(n.place(), CodeMissingAttribute, "a Peer needs a property")
	case len(s.Peers) >= maxSides:
		r.err(n.place().parent, CodeCountLimit, "more than %d peers", maxSides)
	default:
		s.Peers = append(s.Peers, p)
	}
}

// checkSides checks what sections say of sides together, and lets the properties know
// what they are filled with.
func (r *reader) checkSides() {
	sides, symmetric := r.pkg.Sides(), false
	var first *NetworkService
	for _, c := range r.pkg.Systems() {
		s := c.Service
		if s == nil {
			continue
		}
		if first == nil {
			first = s
		}
		symmetric = symmetric || s.Topology == "symmetric"
		r.checkSection(c, first)
		r.checkFilled(c, sides)
	}
	for i, side := range sides {
		switch {
		case !symmetric:
			r.err(r.system(side.System).place, CodeServiceSides, "side %q is named and the service is single; only a symmetric one has sides", side.Name)
		case slices.ContainsFunc(sides[:i], func(o Side) bool { return o.Name == side.Name }):
			r.err(r.system(side.System).place, CodeServiceSides, "side %q is named twice; one virtual system serves a side", side.Name)
		}
	}
	if symmetric && len(sides) == 1 {
		r.err(r.system(sides[0].System).place, CodeServiceSides, "the service has the side %q only; a symmetric one has two or more", sides[0].Name)
	}
}

func (r *reader) system(id string) *Content {
	systems := r.pkg.Systems()
	return systems[max(0, slices.IndexFunc(systems, func(c *Content) bool { return c.ID == id }))]
}

// checkSection compares a further section with the first one, which speaks for the
// whole service.
func (r *reader) checkSection(c *Content, first *NetworkService) {
	s := c.Service
	if s.Type == "" || s == first {
		return
	}
	if s.Type != first.Type || s.Topology != first.Topology || s.Zones != first.Zones || !slices.Equal(s.Modes, first.Modes) || !slices.Equal(s.ManagedBy, first.ManagedBy) {
		r.err(c.place, CodeServiceSides, "the NetworkServiceSections of %q and %q describe two services; leave Service to the first", printable(first.System, 60), printable(c.ID, 60))
	}
}

// checkFilled finds the properties that are filled with what our own section tells.
func (r *reader) checkFilled(c *Content, sides []Side) {
	s := c.Service
	if s.SideProperty != "" {
		r.fillProperty(c, s.SideProperty, Fill{Kind: FillSide})
	}
	if s.UsageKeyProperty != "" {
		r.fillProperty(c, s.UsageKeyProperty, Fill{Kind: FillUsageKey})
	}
	if s.UsageInstanceProperty != "" {
		r.fillProperty(c, s.UsageInstanceProperty, Fill{Kind: FillInstance})
	}
	for _, p := range s.Peers {
		if p.Side != "" && !slices.ContainsFunc(sides, func(o Side) bool { return o.Name == p.Side }) {
			r.err(c.place, CodeServiceSides, "property %q is to have the address of side %q, which the package does not name", printable(p.Property, 100), printable(p.Side, 40))
		}
		r.fillProperty(c, p.Property, Fill{Kind: FillPeer, Side: p.Side})
	}
}

func (r *reader) fillProperty(c *Content, id string, fill Fill) {
	for at := c; at != nil; at = at.Parent {
		for i := range at.Products {
			for j := range at.Products[i].Properties {
				p := &at.Products[i].Properties[j]
				if p.ID != id {
					continue
				}
				if p.Type != TypeString || p.Password {
					r.err(p.place, CodeServiceSides, "property %q is filled by the broker; it must be a string and no password", printable(id, 100))
					return
				}
				p.Fill = &fill
				return
			}
		}
	}
	r.err(c.place, CodeUnknownProperty, "property %q, which the broker is to fill, is no property of %q", printable(id, 100), printable(c.ID, 60))
}
