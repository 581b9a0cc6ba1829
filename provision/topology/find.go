package topology

// plugged points at where the port of a move is plugged in; nil when the thing
// that the step names has no such port.
func (f *Fabric) plugged(s Step) *NetworkID {
	if s.Appliance != nil {
		if a, l := f.leg(s.Port); l != nil && a.ID == s.Appliance.ID {
			return &l.At
		}
		return nil
	}
	for i, g := range f.Gateways {
		for j, p := range g.Plugs {
			if p.Port == s.Port && g.ID == s.Gateway {
				return &f.Gateways[i].Plugs[j].At
			}
		}
	}
	return nil
}

func (f *Fabric) network(id NetworkID) *Network {
	for i := range f.Networks {
		if f.Networks[i].ID == id {
			return &f.Networks[i]
		}
	}
	return nil
}

func (f *Fabric) appliance(id ApplianceID) *Appliance {
	for i := range f.Appliances {
		if f.Appliances[i].ID == id {
			return &f.Appliances[i]
		}
	}
	return nil
}

func (f *Fabric) leg(port PortID) (*Appliance, *Leg) {
	for i := range f.Appliances {
		a := &f.Appliances[i]
		for j := range a.Legs {
			if a.Legs[j].Port == port {
				return a, &a.Legs[j]
			}
		}
	}
	return nil, nil
}

func (f *Fabric) plug(port PortID) *Plug {
	for i := range f.Gateways {
		for j := range f.Gateways[i].Plugs {
			if f.Gateways[i].Plugs[j].Port == port {
				return &f.Gateways[i].Plugs[j]
			}
		}
	}
	return nil
}
