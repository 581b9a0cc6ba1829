package topology

import (
	"cmp"
	"slices"
)

// Settle returns f in its one canonical form: slices sorted and not nil, and all
// that follows from the plugs worked out anew, namely Serves of legs, Carries
// and Subnets of segments, Subnets of the management network. A segment that
// nothing is plugged into yet keeps what it was made with. A driver's Observe
// ends with it, so that two observations of the same cloud are deeply equal. It
// does not change its argument.
func Settle(f Fabric) Fabric {
	f = clone(f)
	f.sort()
	for i := range f.Appliances {
		if !f.Appliances[i].Booted {
			f.Appliances[i].Start = 0
		}
	}
	newTraffic(&f).mark()
	return f
}

func (f *Fabric) sort() {
	slices.SortFunc(f.Networks, byNetworkID)
	slices.SortFunc(f.Gateways, byGatewayID)
	slices.SortFunc(f.Appliances, byApplianceID)
	for i := range f.Gateways {
		slices.SortFunc(f.Gateways[i].Plugs, byPort)
	}
	for i := range f.Appliances {
		slices.SortFunc(f.Appliances[i].Legs, byNIC)
	}
	sortRedirects(f.Redirects)
}

// sorted is f, or a sorted copy if it is not.
func sorted(f Fabric) Fabric {
	in := slices.IsSortedFunc(f.Networks, byNetworkID) && slices.IsSortedFunc(f.Gateways, byGatewayID) &&
		slices.IsSortedFunc(f.Appliances, byApplianceID) && slices.IsSortedFunc(f.Redirects, byRedirectID)
	for _, g := range f.Gateways {
		in = in && slices.IsSortedFunc(g.Plugs, byPort)
	}
	for _, a := range f.Appliances {
		in = in && slices.IsSortedFunc(a.Legs, byNIC)
	}
	for _, r := range f.Redirects {
		in = in && slices.IsSortedFunc(r.Members, byMember)
	}
	if !in {
		f = clone(f)
		f.sort()
	}
	return f
}

func byNetworkID(a, b Network) int     { return cmp.Compare(a.ID, b.ID) }
func byGatewayID(a, b Gateway) int     { return cmp.Compare(a.ID, b.ID) }
func byApplianceID(a, b Appliance) int { return cmp.Compare(a.ID, b.ID) }
func byPort(a, b Plug) int             { return cmp.Compare(a.Port, b.Port) }
func byNIC(a, b Leg) int               { return cmp.Compare(a.NIC, b.NIC) }
func byRedirectID(a, b Redirect) int   { return cmp.Compare(a.ID, b.ID) }
func byMember(a, b Member) int         { return cmp.Compare(a.Appliance, b.Appliance) }

// Base is the fabric without anything made here: the tenant's own networks, with
// every gateway plug at home.
func Base(f Fabric) Fabric {
	f = clone(f)
	f.Networks = slices.DeleteFunc(f.Networks, func(n Network) bool { return n.Role != RoleTenant })
	f.Appliances, f.Redirects = []Appliance{}, nil
	for i := range f.Gateways {
		for j := range f.Gateways[i].Plugs {
			p := &f.Gateways[i].Plugs[j]
			p.At = p.Home
		}
	}
	return Settle(f)
}

// clone copies all that this package ever changes in a fabric.
func clone(f Fabric) Fabric {
	f.Networks = copied(f.Networks)
	for i := range f.Networks {
		f.Networks[i] = cloneNetwork(f.Networks[i])
	}
	f.Gateways = copied(f.Gateways)
	for i := range f.Gateways {
		plugs := copied(f.Gateways[i].Plugs)
		for j := range plugs {
			plugs[j].Addresses = some(plugs[j].Addresses)
		}
		f.Gateways[i].Plugs = plugs
	}
	f.Appliances = copied(f.Appliances)
	for i := range f.Appliances {
		f.Appliances[i] = cloneAppliance(f.Appliances[i])
	}
	f.Redirects = some(f.Redirects)
	for i := range f.Redirects {
		f.Redirects[i] = cloneRedirect(f.Redirects[i])
	}
	return f
}

func cloneNetwork(n Network) Network {
	n.Subnets, n.Carries = some(n.Subnets), some(n.Carries)
	return n
}

func cloneAppliance(a Appliance) Appliance {
	a.Legs = copied(a.Legs)
	for i := range a.Legs {
		a.Legs[i].Serves = some(a.Legs[i].Serves)
	}
	return a
}

// copied is a copy that is never nil; some is one that is nil when empty, as JSON
// leaves it out.
func copied[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }
func some[T any](s []T) []T   { return append([]T(nil), s...) }

func sortedUnique(ids []NetworkID) []NetworkID {
	if len(ids) < 2 {
		return some(ids)
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}
