package topology

import (
	"fmt"
	"slices"
)

// Compose states the fabric that the services need: base with its plugs at home,
// plus a segment behind every stitch, plus one appliance per service with a leg
// for every NIC of its package. Each network's chain is ordered by Place. Ids
// and MACs are functions of the input.
//
// A service with isolated zones and fewer outside than inside NICs gets one
// outside segment for all its networks when what follows towards the gateway is
// the same for all of them; otherwise each of its networks needs its own pair.
//
// A service that is bypassed on a network stays plugged in, but what comes next in
// the chain is plugged in beside it, where it is: the segment behind it leads nowhere.
//
// A service in redirect mode stands between two segments that only the gateway is
// on, with a rule for each of its stitches; its replicas stand side by side.
//
// An error is a sentence for the tenant: a stitch into an unknown network or one
// without a gateway, two stitches of one instance on one network, a pair that
// the package has not got, a pair used for two networks that it would join, a
// classifier that means flows which another service has.
func Compose(base Fabric, services []Service) (Fabric, error) {
	c := composer{f: Base(base), nets: map[NetworkID]*Network{}, gated: map[NetworkID]bool{},
		chains: map[NetworkID][]link{}, made: map[NetworkID]Network{}}
	for i := range c.f.Networks {
		c.nets[c.f.Networks[i].ID] = &c.f.Networks[i]
	}
	for _, g := range c.f.Gateways {
		for _, p := range g.Plugs {
			c.gated[p.Home] = true
		}
	}
	if err := c.admit(services); err != nil {
		return Fabric{}, err
	}
	if err := c.wireAll(); err != nil {
		return Fabric{}, err
	}
	for _, t := range c.turns {
		if err := c.redirect(t); err != nil {
			return Fabric{}, err
		}
	}
	return c.result(), nil
}

// composer gathers the parts of the fabric to be.
type composer struct {
	f        Fabric
	nets     map[NetworkID]*Network
	gated    map[NetworkID]bool // networks with a gateway plug
	chains   map[NetworkID][]link
	machines []*machine
	turns    []*turn
	made     map[NetworkID]Network
}

// machine is a service on its way to an appliance.
type machine struct {
	Service
	appliance Appliance
	shared    bool // one outside segment for all its networks
}

// link is a service's place in one network's chain.
type link struct {
	machine *machine
	Stitch
}

func (c *composer) wireAll() error {
	ends := map[NetworkID]NetworkID{}
	for _, n := range c.f.Networks {
		end := n.ID
		for _, l := range c.chains[n.ID] {
			seg, err := c.wire(l, end)
			if err != nil {
				return err
			}
			if !l.Bypassed {
				end = seg
			}
		}
		ends[n.ID] = end
	}
	for i := range c.f.Gateways {
		for j := range c.f.Gateways[i].Plugs {
			p := &c.f.Gateways[i].Plugs[j]
			if end, ok := ends[p.Home]; ok {
				p.At = end
			}
		}
	}
	return nil
}

// wire plugs one link between the network at and a segment of its own, which it
// returns.
func (c *composer) wire(l link, at NetworkID) (NetworkID, error) {
	m := l.machine
	in := &m.appliance.Legs[pairLeg(&m.appliance, Inside, l.Pair)]
	i := pairLeg(&m.appliance, Outside, l.Pair)
	if m.shared {
		i = slices.IndexFunc(m.appliance.Legs, func(l Leg) bool { return l.Role == Outside })
	}
	if i < 0 {
		return "", fmt.Errorf("%s has no outside NIC of pair %d for network %q%s", m.label(), l.Pair, c.name(l.Network), c.whyNotShared(m))
	}
	if in.At != "" && in.At != at {
		return "", fmt.Errorf("pair %d of %s cannot carry network %q as well as another: it would join the two", l.Pair, m.label(), c.name(l.Network))
	}
	in.At = at
	out := &m.appliance.Legs[i]
	if out.At == "" {
		seg, err := c.segment(m, l.Network)
		if err != nil {
			return "", err
		}
		out.At = seg
	}
	return out.At, nil
}

func (c *composer) whyNotShared(m *machine) string {
	if m.Zones != Isolated {
		return ""
	}
	return "; its networks could share an outside NIC only if the services behind it towards the gateway were the same for all of them"
}

func (c *composer) segment(m *machine, n NetworkID) (NetworkID, error) {
	id := MemberOf(m.Instance, m.Side, m.Generation, 0) // whichever replica is in path
	seg := Network{ID: NetworkID(fmt.Sprintf("seg-%s-%s", id, n)), Name: fmt.Sprintf("seg-%s-%s", m.plain(), c.name(n)),
		Role: RoleSegment, Instance: m.Instance}
	if m.shared {
		seg.ID, seg.Name = NetworkID(fmt.Sprintf("seg-%s", id)), "seg-"+m.plain()
	}
	return seg.ID, c.make(seg)
}

func (c *composer) make(n Network) error {
	_, twice := c.made[n.ID]
	if twice || c.nets[n.ID] != nil {
		return fmt.Errorf("network id %q is needed for a %s network and is taken", n.ID, n.Role)
	}
	c.made[n.ID] = n
	return nil
}

func (c *composer) result() Fabric {
	for _, n := range c.made {
		c.f.Networks = append(c.f.Networks, n)
	}
	for _, m := range c.machines {
		c.f.Appliances = append(c.f.Appliances, m.appliance)
	}
	return Settle(c.f)
}

func (c *composer) name(id NetworkID) string { return label(c.nets[id].Name, id) }

func (m *machine) plain() string {
	if m.Side != "" {
		return label(m.Name, m.Instance) + "@" + m.Side
	}
	return label(m.Name, m.Instance)
}

// label is what sentences to the tenant call a service.
func (m *machine) label() string {
	if m.Provider {
		return fmt.Sprintf("the provider's service %q", m.plain())
	}
	return fmt.Sprintf("service %q", m.plain())
}
