package topology

import (
	"fmt"
	"slices"
)

// Apply returns what f is after a step; f itself stays as it is. A step that was
// done before changes nothing, and deleting or shutting down what is not there is
// no error, as with cloud.Cloud. A step that no cloud could do is an error.
func Apply(f Fabric, s Step) (Fabric, error) {
	f = clone(f)
	do, ok := map[Verb]func(*Fabric, Step) error{
		CreateNetwork: createNetwork, DeleteNetwork: deleteNetwork,
		CreatePort: createPort, DeletePort: deletePort,
		Boot: boot, Shutdown: shutdown, Await: await, Move: move, SetRedirect: redirect,
	}[s.Verb]
	if !ok {
		return Fabric{}, fmt.Errorf("cannot do %q: no such verb", s.Verb)
	}
	if err := s.complete(); err != nil {
		return Fabric{}, err
	}
	if err := do(&f, s); err != nil {
		return Fabric{}, err
	}
	return Settle(f), nil
}

func createNetwork(f *Fabric, s Step) error {
	if s.Network.Role == RoleTenant {
		return fmt.Errorf("cannot create network %q: a tenant's own networks are not made here", s.Network.ID)
	}
	if n := f.network(s.Network.ID); n != nil {
		if n.Name == s.Network.Name && n.Role == s.Network.Role && n.Instance == s.Network.Instance && nested(n.Subnets, s.Network.Subnets) {
			return nil
		}
		return fmt.Errorf("cannot create network %q: it exists with other content", n.ID)
	}
	f.Networks = append(f.Networks, cloneNetwork(*s.Network))
	return nil
}

// nested says whether one set of subnets holds the other: a shared segment's and
// the management network's subnets come and go with what is plugged in.
func nested(a, b []Subnet) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return !slices.ContainsFunc(a, func(s Subnet) bool { return !slices.Contains(b, s) })
}

func deleteNetwork(f *Fabric, s Step) error {
	n := f.network(s.Network.ID)
	if n == nil {
		return nil
	}
	if n.Role == RoleTenant {
		return fmt.Errorf("cannot delete network %q: it is the tenant's own", n.ID)
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.At == n.ID {
				return fmt.Errorf("cannot delete network %q: port %q of gateway %q is plugged into it", n.ID, p.Port, g.ID)
			}
		}
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.At == n.ID {
				return fmt.Errorf("cannot delete network %q: port %q of %q is plugged into it", n.ID, l.Port, a.ID)
			}
		}
	}
	if r, turned := f.turns(n.ID); turned {
		return fmt.Errorf("cannot delete network %q: gateway %q sends flows through it by rule %q", n.ID, r.Gateway, r.ID)
	}
	f.Networks = slices.DeleteFunc(f.Networks, func(o Network) bool { return o.ID == s.Network.ID })
	return nil
}

func createPort(f *Fabric, s Step) error {
	if owner, l := f.leg(s.Leg.Port); l != nil {
		if owner.ID == s.Appliance.ID && sameNIC(*l, *s.Leg) && l.At == s.Leg.At && l.Address == s.Leg.Address {
			return nil
		}
		return fmt.Errorf("cannot create port %q: it exists with other content", l.Port)
	}
	if f.plug(s.Leg.Port) != nil {
		return fmt.Errorf("cannot create port %q: a gateway has a port of that id", s.Leg.Port)
	}
	if s.Leg.At != "" && f.network(s.Leg.At) == nil {
		return fmt.Errorf("cannot create port %q: there is no network %q", s.Leg.Port, s.Leg.At)
	}
	a := f.appliance(s.Appliance.ID)
	if a == nil {
		f.Appliances = append(f.Appliances, Appliance{ID: s.Appliance.ID, Instance: s.Appliance.Instance, Side: s.Appliance.Side, Name: s.Appliance.Name, Provider: s.Appliance.Provider})
		a = &f.Appliances[len(f.Appliances)-1]
	}
	if a.Booted {
		return fmt.Errorf("cannot create port %q: %q is running and takes no further NIC", s.Leg.Port, a.ID)
	}
	if slices.ContainsFunc(a.Legs, func(l Leg) bool { return l.NIC == s.Leg.NIC }) {
		return fmt.Errorf("cannot create port %q: %q has a NIC %d already", s.Leg.Port, a.ID, s.Leg.NIC)
	}
	a.Legs = append(a.Legs, *s.Leg)
	return nil
}

// sameNIC says whether two legs are the same NIC of a package.
func sameNIC(a, b Leg) bool {
	return a.NIC == b.NIC && a.Role == b.Role && a.Pair == b.Pair && a.MAC == b.MAC
}

func deletePort(f *Fabric, s Step) error {
	a, l := f.leg(s.Leg.Port)
	if l == nil {
		return nil
	}
	if a.ID != s.Appliance.ID {
		return fmt.Errorf("cannot delete port %q: it belongs to %q", l.Port, a.ID)
	}
	if a.Booted {
		return fmt.Errorf("cannot delete port %q: %q is running on it", l.Port, a.ID)
	}
	a.Legs = slices.DeleteFunc(a.Legs, func(o Leg) bool { return o.Port == s.Leg.Port })
	if len(a.Legs) == 0 {
		f.Appliances = slices.DeleteFunc(f.Appliances, func(o Appliance) bool { return o.ID == s.Appliance.ID })
	}
	return nil
}

func boot(f *Fabric, s Step) error {
	a := f.appliance(s.Appliance.ID)
	if a == nil || len(a.Legs) == 0 {
		return fmt.Errorf("cannot boot %q: it has no ports", s.Appliance.ID)
	}
	for _, want := range s.Appliance.Legs {
		if owner, l := f.leg(want.Port); l == nil || owner.ID != a.ID {
			return fmt.Errorf("cannot boot %q: its port %q does not exist", a.ID, want.Port)
		}
	}
	if !a.Booted {
		a.Booted, a.Start = true, s.Appliance.Start
	}
	return nil
}

func shutdown(f *Fabric, s Step) error {
	if a := f.appliance(s.Appliance.ID); a != nil && !s.Outlived(*a) {
		a.Booted = false
	}
	return nil
}

// Outlived says whether a shutdown comes too late: the machine that it is about has
// gone, and one of a later start runs. Whoever was held up in the middle of a respin
// that somebody else has finished must not stop what is new.
func (s Step) Outlived(now Appliance) bool {
	return s.Verb == Shutdown && now.Booted && now.Start > s.Appliance.Start
}

func await(f *Fabric, s Step) error {
	a := f.appliance(s.Appliance.ID)
	if a == nil || !a.Booted {
		return fmt.Errorf("cannot wait for %q: it is not running", s.Appliance.ID)
	}
	for _, w := range wires(a) {
		if a.Legs[w.in].Pair == s.Pair && a.Legs[w.in].At != "" && a.Legs[w.out].At != "" {
			return nil
		}
	}
	return fmt.Errorf("cannot wait for %q: pair %d is not plugged in at both ends", a.ID, s.Pair)
}

func move(f *Fabric, s Step) error {
	at := f.plugged(s)
	if at == nil {
		return fmt.Errorf("cannot move port %q: there is no such port", s.Port)
	}
	if *at == s.To {
		return nil
	}
	if *at != s.From {
		return fmt.Errorf("cannot move port %q from %q: it is plugged into %q", s.Port, s.From, *at)
	}
	if s.To != "" && f.network(s.To) == nil {
		return fmt.Errorf("cannot move port %q: there is no network %q", s.Port, s.To)
	}
	*at = s.To
	return nil
}
