package provision

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A symmetric instance has an appliance, or a cluster, on each of its sides. Its
// appliances have one row of numbers, in which the sides take turns: so a number
// stays an appliance's when the clusters grow or shrink. A single one has one side
// without a name.

// members is how many appliances the instance is to have on all its sides.
func (i Instance) members() int { return len(i.Insertion.SideNames()) * i.Steering.members() }

func (f Form) members() int { return len(f.Insertion.SideNames()) * f.Steering.members() }

// sideOf is the side that an appliance is on.
func (i Instance) sideOf(member int) string {
	names := i.Insertion.SideNames()
	return names[member%len(names)]
}

// replica is an appliance's number among those on its side.
func (i Instance) replica(member int) int { return member / len(i.Insertion.SideNames()) }

// SideOf is the side of a symmetric instance that an appliance is on; empty of others.
func (i Instance) SideOf(member int) string { return i.sideOf(member) }

// firstOf is the id that one of the instance's appliances had first, which names it for
// its life.
func (i Instance) firstOf(member int) topology.ApplianceID {
	i.Generation = 0
	return i.appliance(member)
}

// on are the stitches of one side, as topology has them.
func on(side string, stitches []topology.Stitch) []topology.Stitch {
	return slices.DeleteFunc(slices.Clone(stitches), func(st topology.Stitch) bool { return st.Side != side })
}

// sideParameters are what may be said of one side.
type sideParameters struct {
	Networks []string   `json:"networks"`
	Match    *matchText `json:"match"`
	Position
}

// fitting refuses networks of a symmetric service without their side, and sides of a
// single one, before a schema does in words that help nobody.
func fitting(in catalog.Insertion, service string, parameters json.RawMessage) error {
	var keys map[string]json.RawMessage
	if len(parameters) == 0 || json.Unmarshal(parameters, &keys) != nil {
		return nil // what is wrong is said elsewhere
	}
	names := in.SideNames()
	_, networks := keys[catalog.KeyNetworks]
	_, sides := keys[catalog.KeySides]
	switch {
	case in.Symmetric() && networks:
		return fault.New(fault.Invalid, "parameters: service %q is symmetric: give the networks of each side, under %q: %s", service, catalog.KeySides, strings.Join(names, ", "))
	case !in.Symmetric() && sides:
		return fault.New(fault.Invalid, "parameters: service %q is single and has no sides: give its networks under %q", service, catalog.KeyNetworks)
	case !sides:
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(keys[catalog.KeySides], &given) != nil {
		return nil
	}
	for name := range given {
		if !slices.Contains(names, name) {
			return fault.New(fault.Invalid, "parameters: service %q has no side %.60q; its sides are %s", service, name, strings.Join(names, ", "))
		}
	}
	return nil
}

// whole refuses a provision that names some sides and forgets others.
func (in Insertion) whole(of catalog.Insertion) error {
	if in.Sides == nil {
		return nil
	}
	for _, name := range of.SideNames() {
		if _, ok := in.Sides[name]; !ok {
			return fault.New(fault.Invalid, "parameters: side %q is missing; give its networks, or {} for a side whose networks are bound later", name)
		}
	}
	return nil
}

// each are the places that are asked for, side by side in the package's order.
func (in Insertion) each(of catalog.Insertion) []sided {
	if !of.Symmetric() {
		return []sided{{sideParameters: sideParameters{Networks: in.Networks, Position: in.Position}}}
	}
	var list []sided
	for _, name := range of.SideNames() {
		list = append(list, sided{name, in.Sides[name]})
	}
	return list
}

type sided struct {
	side string
	sideParameters
}

// matched gives the stitches of a side the classifier that was given for it.
func (p sided) matched(stitches []topology.Stitch, redirect bool) ([]topology.Stitch, error) {
	if p.Match == nil {
		return stitches, nil
	}
	if !redirect {
		return nil, fault.New(fault.Invalid, "parameters: side %q has a match, which is for mode %q", p.side, catalog.ModeRedirect)
	}
	c, err := p.Match.classifier()
	if err == nil && c == nil {
		c = &topology.Classifier{} // everything, whatever the instance's is
	}
	if err != nil {
		return nil, err
	}
	for n := range stitches {
		if stitches[n].Side == p.side {
			stitches[n].Match = c
		}
	}
	return stitches, nil
}

// onSide is the side that a binding's network is on.
func (in Insertion) onSide(of catalog.Insertion) (string, error) {
	names := of.SideNames()
	switch {
	case !of.Symmetric():
		return "", nil
	case in.Side == "":
		return "", fault.New(fault.Invalid, "parameters: the service is symmetric: give the network's side, one of %s", strings.Join(names, ", "))
	case !slices.Contains(names, in.Side):
		return "", fault.New(fault.Invalid, "parameters: the service has no side %.60q; its sides are %s", in.Side, strings.Join(names, ", "))
	}
	return in.Side, nil
}

// describeSides adds the networks of each side to an instance's parameters, as they
// were given.
func (i Instance) describeSides(values map[string]any) {
	sides := map[string]any{}
	for _, name := range i.Insertion.SideNames() {
		side := map[string]any{}
		var networks []topology.NetworkID
		for _, st := range on(name, i.Stitches) {
			networks = append(networks, st.Network)
			if st.Match != nil {
				side[catalog.KeyMatch] = textOf(*st.Match)
			}
		}
		if len(networks) > 0 {
			side[catalog.KeyNetworks] = networks
		}
		sides[name] = side
	}
	values[catalog.KeySides] = sides
}

// sameSides refuses an update to a package with other sides.
func sameSides(was, will catalog.Insertion, version string) error {
	if slices.Equal(was.SideNames(), will.SideNames()) {
		return nil
	}
	return refuse(false, "version %s has other sides (%s) than the instance (%s)", version,
		sidesText(will), sidesText(was))
}

func sidesText(in catalog.Insertion) string {
	if !in.Symmetric() {
		return "none"
	}
	return strings.Join(in.SideNames(), ", ")
}

// peers are the values of properties that tell an appliance of its side and of the
// others'.
func peers(i Instance, member int, pkg *ovf.Package) map[string]string {
	values := map[string]string{}
	for _, p := range pkg.Properties() {
		switch {
		case p.Fill == nil:
		case p.Fill.Kind == ovf.FillSide:
			values[p.ID] = i.sideOf(member)
		case p.Fill.Kind == ovf.FillPeer:
			values[p.ID] = i.peerAddresses(member, p.Fill.Side)
		}
	}
	return values
}

// peerAddresses are those of the appliances on a side, or on all but an appliance's own.
func (i Instance) peerAddresses(member int, side string) string {
	var list []string
	for n, a := range i.Appliances() {
		at := i.sideOf(n)
		if a.IsValid() && (at == side || side == "" && at != i.sideOf(member)) {
			list = append(list, a.Addr().String())
		}
	}
	return strings.Join(list, ",")
}

// fallen says whether no appliance on a side answers.
func (i Instance) fallen(side string) bool {
	for n := range i.members() {
		if i.sideOf(n) == side && !i.down(n) {
			return false
		}
	}
	return true
}
