package cloud

import (
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Possible refuses steps that name what a fabric has not got (NotFound) or that no
// cloud could do on it (Invalid). Drivers ask it first, so that all clouds and the
// planner agree on what is impossible.
func Possible(f topology.Fabric, s topology.Step) error {
	if id, ok := needs(s); ok && !slices.ContainsFunc(f.Networks, func(n topology.Network) bool { return n.ID == id }) {
		return fault.New(fault.NotFound, "tenant %q has no network %q", f.Tenant, id)
	}
	if s.Verb == topology.Move && !hasPort(f, s.Port) {
		return fault.New(fault.NotFound, "tenant %q has no port %q", f.Tenant, s.Port)
	}
	if _, err := topology.Apply(f, s); err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: err.Error()}
	}
	return nil
}

// needs is the network that a step plugs into, if any.
func needs(s topology.Step) (topology.NetworkID, bool) {
	switch {
	case s.Verb == topology.CreatePort && s.Leg != nil:
		return s.Leg.At, s.Leg.At != ""
	case s.Verb == topology.Move:
		return s.To, s.To != ""
	}
	return "", false
}

func hasPort(f topology.Fabric, id topology.PortID) bool {
	for _, g := range f.Gateways {
		if slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return p.Port == id }) {
			return true
		}
	}
	return slices.ContainsFunc(f.Appliances, func(a topology.Appliance) bool {
		return slices.ContainsFunc(a.Legs, func(l topology.Leg) bool { return l.Port == id })
	})
}
