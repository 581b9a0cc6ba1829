package topology

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"
)

// Compose states the fabric that the services need: base with its plugs at home,
// plus a segment behind every stitch, plus one appliance per service with a leg
// for every NIC of its package. Each network's chain is ordered by Rank, equal
// ranks by instance id. Ids and MACs are functions of the input.
//
// A service with isolated zones and fewer outside than inside NICs gets one
// outside segment for all its networks when what follows towards the gateway is
// the same for all of them; otherwise each of its networks needs its own pair.
//
// An error is a sentence for the tenant: a stitch into an unknown network or one
// without a gateway, two stitches of one instance on one network, a pair that
// the package has not got, a pair used for two networks that it would join.
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
	return c.result(), nil
}

// composer gathers the parts of the fabric to be.
type composer struct {
	f        Fabric
	nets     map[NetworkID]*Network
	gated    map[NetworkID]bool // networks with a gateway plug
	chains   map[NetworkID][]link
	machines []*machine
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

// hop is what two links have in common when they are the same way on.
type hop struct {
	instance InstanceID
	pair     int
}

func (c *composer) admit(services []Service) error {
	services = slices.Clone(services)
	slices.SortStableFunc(services, func(a, b Service) int { return cmp.Compare(a.Instance, b.Instance) })
	for i, s := range services {
		if i > 0 && services[i-1].Instance == s.Instance {
			return fmt.Errorf("instance %q is listed twice", s.Instance)
		}
		m := &machine{Service: s, appliance: newAppliance(s)}
		c.machines = append(c.machines, m)
		if err := c.admitStitches(m); err != nil {
			return err
		}
		if err := c.manage(m); err != nil {
			return err
		}
	}
	for _, chain := range c.chains {
		slices.SortFunc(chain, func(a, b link) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.machine.Instance, b.machine.Instance))
		})
	}
	for _, m := range c.machines {
		m.shared = c.shares(m)
	}
	return nil
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
		hops = append(hops, hop{l.machine.Instance, l.Pair})
	}
	return hops
}

func (c *composer) wireAll() error {
	ends := map[NetworkID]NetworkID{}
	for _, n := range c.f.Networks {
		end := n.ID
		for _, l := range c.chains[n.ID] {
			var err error
			if end, err = c.wire(l, end); err != nil {
				return err
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
	seg := Network{ID: NetworkID(fmt.Sprintf("seg-%s-%s", m.Instance, n)), Name: fmt.Sprintf("seg-%s-%s", m.plain(), c.name(n)),
		Role: RoleSegment, Instance: m.Instance}
	if m.shared {
		seg.ID, seg.Name = NetworkID(fmt.Sprintf("seg-%s", m.Instance)), "seg-"+m.plain()
	}
	return seg.ID, c.make(seg)
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

func (m *machine) plain() string { return label(m.Name, m.Instance) }
func (m *machine) label() string { return fmt.Sprintf("service %q", m.plain()) }

func newAppliance(s Service) Appliance {
	a := Appliance{ID: ApplianceID(s.Instance), Instance: s.Instance, Name: label(s.Name, s.Instance), Booted: true, Legs: []Leg{}}
	for i, n := range s.NICs {
		port := PortID(fmt.Sprintf("%s-nic%d", s.Instance, i))
		a.Legs = append(a.Legs, Leg{Port: port, NIC: i, Role: n.Role, Pair: n.Pair, MAC: macOf(port)})
	}
	return a
}

// macOf derives a locally administered unicast address (IEEE 802, second least
// significant bit of the first octet set, least significant clear).
func macOf(port PortID) string {
	sum := sha256.Sum256([]byte(port))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}.String()
}

// label is what people call a thing.
func label[ID ~string](name string, id ID) string {
	if name == "" {
		name = string(id)
	}
	return printable(name)
}

// printable keeps line breaks and terminal codes in names out of texts and
// pictures.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
