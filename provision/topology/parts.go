package topology

import "fmt"

type pairKey struct {
	appliance ApplianceID
	pair      int
}

// parts finds the parts of a fabric by id.
type parts struct {
	tenant     TenantID
	networks   map[NetworkID]Network
	plugs      map[PortID]Plug
	gateways   map[PortID]GatewayID
	appliances map[ApplianceID]Appliance
	legs       map[PortID]Leg
	managed    map[address][]PortID // management legs, as they are plugged in
	order      []ApplianceID
}

func newParts(f Fabric) parts {
	ps := parts{tenant: f.Tenant, networks: make(map[NetworkID]Network, len(f.Networks)), plugs: map[PortID]Plug{},
		gateways: map[PortID]GatewayID{}, appliances: map[ApplianceID]Appliance{}, legs: map[PortID]Leg{}, managed: map[address][]PortID{}}
	for _, n := range f.Networks {
		ps.networks[n.ID] = n
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			ps.plugs[p.Port], ps.gateways[p.Port] = p, g.ID
		}
	}
	for _, a := range f.Appliances {
		ps.appliances[a.ID] = a
		ps.order = append(ps.order, a.ID)
		for _, l := range a.Legs {
			ps.legs[l.Port] = l
			if m, ok := addressOf(l, l.At); ok {
				ps.managed[m] = append(ps.managed[m], l.Port)
			}
		}
	}
	return ps
}

func (p *planner) admit(have, want Fabric) error {
	if have.Tenant != want.Tenant {
		return fmt.Errorf("cannot plan from tenant %q to tenant %q", have.Tenant, want.Tenant)
	}
	for _, n := range want.Networks {
		old, ok := p.have.networks[n.ID]
		switch {
		case !ok && n.Role == RoleTenant:
			return fmt.Errorf("tenant %q has no network %q", want.Tenant, n.ID)
		case ok && old.Role != n.Role:
			return fmt.Errorf("network %q is a %s network and cannot become a %s network", n.ID, old.Role, n.Role)
		}
	}
	for port, plug := range p.want.plugs {
		if old, ok := p.have.plugs[port]; !ok || old.Home != plug.Home || p.have.gateways[port] != p.want.gateways[port] {
			return fmt.Errorf("gateway %q has no port %q for network %q", p.want.gateways[port], port, plug.Home)
		}
	}
	for _, a := range want.Appliances {
		if err := p.admitLegs(a); err != nil {
			return err
		}
	}
	return p.admitTurns(have, want)
}

// admitLegs refuses an appliance whose NICs differ from those that exist.
func (p *planner) admitLegs(a Appliance) error {
	for _, l := range a.Legs {
		if old, ok := p.have.legs[l.Port]; ok && (old.NIC != l.NIC || old.Role != l.Role || old.Pair != l.Pair) {
			return fmt.Errorf("port %q of %q exists as another NIC: remove the appliance first", l.Port, a.ID)
		}
	}
	for _, l := range p.have.appliances[a.ID].Legs {
		if _, ok := p.want.legs[l.Port]; !ok {
			return fmt.Errorf("port %q of %q is not among its NICs any more: remove the appliance first", l.Port, a.ID)
		}
	}
	return nil
}
