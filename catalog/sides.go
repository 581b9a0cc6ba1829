package catalog

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/bumpwire/bumpwire/ovf"
)

// Side is a place at which a symmetric service has an appliance.
type Side struct {
	Name   string `json:"name"`
	System string `json:"system,omitempty"` // the virtual system that it is made of
	Legs   []Leg  `json:"legs,omitempty"`   // of that; none where they are the service's
}

// Symmetric says whether the service has sides.
func (in Insertion) Symmetric() bool { return in.Topology == "symmetric" }

// LegsOf are the NICs of the appliance on a side.
func (in Insertion) LegsOf(side string) []Leg {
	for _, s := range in.Sides {
		if s.Name == side && len(s.Legs) > 0 {
			return s.Legs
		}
	}
	return in.Legs
}

// SystemOf is the virtual system on a side; empty for the only one.
func (in Insertion) SystemOf(side string) string {
	at := slices.IndexFunc(in.Sides, func(s Side) bool { return s.Name == side })
	if at < 0 {
		return ""
	}
	return in.Sides[at].System
}

// SideNames are the names of the sides, in the package's order; an empty one for a
// service that has none.
func (in Insertion) SideNames() []string {
	if !in.Symmetric() || len(in.Sides) == 0 {
		return []string{""}
	}
	names := make([]string, len(in.Sides))
	for n, s := range in.Sides {
		names[n] = s.Name
	}
	return names
}

// sidesOf are the sides that a package names, with the legs of their systems.
func sidesOf(p *ovf.Package, plan ovf.Plan, in Insertion, inferred bool) []Side {
	var list []Side
	for _, s := range p.Sides() {
		side := Side{Name: s.Name, System: s.System}
		at := slices.IndexFunc(plan.Systems, func(o ovf.PlanSystem) bool { return o.ID == s.System })
		if len(plan.Systems) > 1 && at >= 0 {
			side.Legs = legsOf(plan.Systems[at], inferred)
		}
		list = append(list, side)
	}
	return list
}

// named are sides with the systems and legs of those that are known by name, and the
// package's first system for others.
func named(sides, known []Side) []Side {
	list := slices.Clone(sides)
	for n, s := range list {
		if at := slices.IndexFunc(known, func(k Side) bool { return k.Name == s.Name }); at >= 0 {
			list[n] = known[at]
		}
	}
	return list
}

// sideSize is what an instance of a plan takes with one appliance on each side.
func sideSize(plan ovf.Plan, in Insertion) (vcpus int, memory int64) {
	if len(in.Sides) == 0 {
		return int(plan.VCPUs), plan.MemoryBytes
	}
	for _, side := range in.Sides {
		if at := systemAt(plan, side.System); at >= 0 {
			vcpus += int(plan.Systems[at].VCPUs)
			memory += plan.Systems[at].MemoryBytes
		}
	}
	return vcpus, memory
}

// systemAt is a system's place in a plan; that of the first one where none is named.
func systemAt(plan ovf.Plan, id string) int {
	return slices.IndexFunc(plan.Systems, func(s ovf.PlanSystem) bool { return id == "" || s.ID == id })
}

// Size is what an instance of a package's configuration takes with so many appliances
// on each side. False when the package has no such configuration.
func (in Insertion) Size(p *ovf.Package, configuration string, members int) (vcpus int, memory int64, ok bool) {
	plan, ok := p.Plan(configuration)
	vcpus, memory = sideSize(plan, in)
	return vcpus * members, memory * int64(members), ok
}

// SizeOn is what one appliance on a side takes.
func (in Insertion) SizeOn(p *ovf.Package, configuration, side string) (vcpus int, memory int64) {
	plan, _ := p.Plan(configuration)
	if at := systemAt(plan, in.SystemOf(side)); at >= 0 {
		vcpus, memory = int(plan.Systems[at].VCPUs), plan.Systems[at].MemoryBytes
	}
	return vcpus, memory
}

// unservable are what keeps a plan's systems from being a service: one machine, or
// one for each side.
func unservable(plan ovf.Plan, in Insertion) (list []string) {
	n := len(plan.Systems)
	if !in.Symmetric() {
		if n != 1 {
			list = append(list, fmt.Sprintf("configuration %q has %d virtual systems; a service is made of one, unless it is symmetric and each system serves a side", plan.ID, n))
		}
		return list
	}
	for _, s := range in.Sides {
		if systemAt(plan, s.System) < 0 {
			list = append(list, fmt.Sprintf("configuration %q has no virtual system %q for side %q", plan.ID, oneLine(s.System), s.Name))
		}
	}
	for _, system := range plan.Systems {
		if n > 1 && !slices.ContainsFunc(in.Sides, func(s Side) bool { return s.System == system.ID }) {
			list = append(list, fmt.Sprintf("virtual system %q of configuration %q serves no side", oneLine(system.ID), plan.ID))
		}
	}
	return list
}

// otherNICs says which sides' systems have other NICs in a plan than in the default
// one.
func otherNICs(plan ovf.Plan, in Insertion) bool {
	for _, side := range in.SideNames() {
		at := systemAt(plan, in.SystemOf(side))
		if at >= 0 && !slices.EqualFunc(legsOf(plan.Systems[at], false), in.LegsOf(side), func(a, b Leg) bool { return a.NIC == b.NIC && a.Network == b.Network }) {
			return true
		}
	}
	return false
}

var sideName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// missingSides says what the sides lack.
func (in Insertion) missingSides() (m []string) {
	switch {
	case !in.Symmetric() && len(in.Sides) > 0:
		return []string{"the topology: a service with sides is symmetric"}
	case !in.Symmetric():
		return nil
	case len(in.Sides) < 2:
		return []string{"the sides: a symmetric service has two or more, such as branch and datacenter"}
	}
	for n, s := range in.Sides {
		switch {
		case !sideName.MatchString(s.Name):
			m = append(m, fmt.Sprintf("the name of side %q: 1 to 32 small letters, digits and dashes", oneLine(s.Name)))
		case slices.ContainsFunc(in.Sides[:n], func(o Side) bool { return o.Name == s.Name }):
			m = append(m, fmt.Sprintf("another name of side %q: two sides have it", s.Name))
		}
	}
	return m
}

// sidesSchema takes the networks of each side, and where the service is to stand there.
func (in Insertion) sidesSchema() map[string]any {
	sides := map[string]any{}
	for _, name := range in.SideNames() {
		networks := in.sideNetworks(name)
		networks["minItems"] = 0
		properties := map[string]any{KeyNetworks: networks}
		addPosition(properties)
		if in.Redirects() {
			properties[KeyMatch] = matchSchema("Which of the side's flows are redirected; the instance's own when it is left out, all of them when it is empty")
		}
		sides[name] = map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	}
	return map[string]any{
		"type": "object", "properties": sides, "additionalProperties": false,
		"description": "The networks of each side of the service",
	}
}

func (in Insertion) sideNetworks(side string) map[string]any {
	in.Legs, in.Topology = in.LegsOf(side), "single"
	return in.networksSchema()
}
