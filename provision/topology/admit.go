package topology

import (
	"cmp"
	"fmt"
	"slices"
)

// hop is what two links have in common when they are the same way on.
type hop struct {
	instance InstanceID
	side     string
	pair     int
}

func (c *composer) admit(services []Service) error {
	services = slices.Clone(services)
	slices.SortStableFunc(services, func(a, b Service) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Side, b.Side))
	})
	for i, s := range services {
		if i > 0 && services[i-1].Instance == s.Instance && services[i-1].Side == s.Side {
			return fmt.Errorf("instance %q is listed twice", s.Instance)
		}
		if err := admitSide(s, services[:i]); err != nil {
			return err
		}
		if err := c.admitMachines(s); err != nil {
			return err
		}
	}
	for _, chain := range c.chains {
		slices.SortFunc(chain, func(a, b link) int {
			return a.machine.Place(a.Stitch).Compare(b.machine.Place(b.Stitch))
		})
	}
	for _, m := range c.machines {
		m.shared = c.shares(m)
	}
	return nil
}

// admitSide refuses what is not of a service's side: other sides' stitches, and networks
// that are on another side of the same instance already.
func admitSide(s Service, before []Service) error {
	name := (&machine{Service: s}).label()
	if s.Side != "" && !sideName.MatchString(s.Side) {
		return fmt.Errorf("the side of %s must be called by 1 to 32 small letters, digits and dashes", name)
	}
	for _, st := range s.Stitches {
		if st.Side != s.Side {
			return fmt.Errorf("%s is not the side %q on which network %q is to be", name, st.Side, st.Network)
		}
		for _, o := range slices.Backward(before) {
			if o.Instance != s.Instance {
				break
			}
			if slices.ContainsFunc(o.Stitches, func(t Stitch) bool { return t.Network == st.Network }) {
				return fmt.Errorf("network %q cannot be on two sides of %q: %s and %s", st.Network, s.Instance, o.Side, s.Side)
			}
		}
	}
	return nil
}

// admitMachines takes in the appliances of a service: one, or its replicas.
func (c *composer) admitMachines(s Service) error {
	if len(s.Replicas) == 0 {
		s.Replicas = []Replica{{Management: s.Management}}
	}
	if s.Mode == InPath {
		return c.admitInPath(s)
	}
	t := &turn{Service: s}
	for _, r := range s.Replicas {
		m := &machine{Service: s, appliance: newAppliance(s, r)}
		m.Management = r.Management
		if slices.ContainsFunc(t.machines, func(o *machine) bool { return o.appliance.ID == m.appliance.ID }) {
			return fmt.Errorf("%s has replica %d twice", m.label(), r.Number)
		}
		c.machines, t.machines, t.idle = append(c.machines, m), append(t.machines, m), append(t.idle, r.Idle)
		if err := c.manage(m); err != nil {
			return err
		}
	}
	c.turns = append(c.turns, t)
	return c.admitTurn(t)
}

func (c *composer) admitStitches(m *machine) error {
	seen := map[NetworkID]bool{}
	for _, s := range m.Stitches {
		switch n := c.nets[s.Network]; {
		case n == nil:
			return fmt.Errorf("%s cannot be stitched into network %q: the tenant has no such network", m.label(), s.Network)
		case !c.gated[s.Network]:
			return fmt.Errorf("%s cannot be stitched into network %q: it has no gateway to stand in front of", m.label(), label(n.Name, n.ID))
		case seen[s.Network]:
			return fmt.Errorf("%s is to be stitched into network %q twice", m.label(), label(n.Name, n.ID))
		case pairLeg(&m.appliance, Inside, s.Pair) < 0:
			return fmt.Errorf("%s has no inside NIC of pair %d for network %q", m.label(), s.Pair, label(n.Name, n.ID))
		}
		seen[s.Network] = true
		c.chains[s.Network] = append(c.chains[s.Network], link{m, s})
	}
	return nil
}

// shares decides between one outside segment and one for each network.
func (c *composer) shares(m *machine) bool {
	inside, outside := 0, 0
	for _, n := range m.NICs {
		switch n.Role {
		case Inside:
			inside++
		case Outside:
			outside++
		case Management, HA:
		}
	}
	if m.Zones != Isolated || outside == 0 || outside >= inside {
		return false
	}
	for _, s := range m.Stitches {
		if !slices.Equal(c.rest(m, m.Stitches[0].Network), c.rest(m, s.Network)) {
			return false
		}
	}
	return true
}

// rest is the way from a service on to the gateway.
func (c *composer) rest(m *machine, n NetworkID) []hop {
	chain := c.chains[n]
	at := slices.IndexFunc(chain, func(l link) bool { return l.machine == m })
	var hops []hop
	for _, l := range chain[at+1:] {
		hops = append(hops, hop{l.machine.Instance, l.machine.Side, l.Pair})
	}
	return hops
}

// manage plugs the management leg and makes the management network for it.
func (c *composer) manage(m *machine) error {
	if !m.Management.IsValid() {
		return nil
	}
	i := slices.IndexFunc(m.appliance.Legs, func(l Leg) bool { return l.Role == Management })
	if i < 0 {
		return fmt.Errorf("%s cannot have the management address %s: its package has no management NIC", m.label(), m.Management)
	}
	for _, other := range c.machines {
		if other != m && other.Management.IsValid() && other.Management.Addr() == m.Management.Addr() {
			return fmt.Errorf("%s and %s cannot both have the management address %s", other.label(), m.label(), m.Management.Addr())
		}
	}
	mgmt := Network{ID: NetworkID("mgmt-" + string(c.f.Tenant)), Name: "mgmt-" + string(c.f.Tenant), Role: RoleManagement}
	m.appliance.Legs[i].At, m.appliance.Legs[i].Address = mgmt.ID, m.Management
	if _, ok := c.made[mgmt.ID]; ok {
		return nil
	}
	return c.make(mgmt)
}
