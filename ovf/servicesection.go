package ovf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// networkService reads our NetworkServiceSection. Its own attributes are in no
// namespace. A mistake in it refuses the package although the section is
// optional: its author wrote it for this reader.
func (r *reader) networkService(c *Content, n node) {
	if c.Collection {
		r.err(n.place(), CodeMisplaced, "NetworkServiceSection may stand only in a VirtualSystem")
		return
	}
	if c.Service != nil {
		r.err(n.place(), CodeDuplicate, "a second NetworkServiceSection stands in the VirtualSystem")
		return
	}
	r.info(n)
	c.Service = &NetworkService{System: c.ID, Topology: "single", Zones: "bridged", Probe: "arp", Failure: "closed"}
	for child := range n.children {
		switch {
		case child.is("Info"):
		case child.namespace() == ServiceNamespace:
			r.servicePart(c.Service, child)
		default:
			r.unknown(child)
		}
	}
	fillServiceDefaults(c.Service)
}

func fillServiceDefaults(s *NetworkService) {
	if len(s.Modes) == 0 {
		s.Modes = []string{"in-path"}
	}
	if len(s.ManagedBy) == 0 {
		s.ManagedBy = []string{"tenant"}
	}
	if len(s.HA) == 0 {
		s.HA = []string{"none"}
	}
}

func (r *reader) servicePart(s *NetworkService, n node) {
	switch n.el.Tag {
	case "Service":
		s.Type = r.plain(n, "type")
		s.Topology = r.choice(n, "topology", s.Topology, "single", "symmetric")
		s.Zones = r.choice(n, "zones", s.Zones, "bridged", "isolated")
		s.Modes = r.choices(n, "modes", "in-path", "redirect")
		s.ManagedBy = r.choices(n, "managedBy", "tenant", "provider")
		if s.Type == "" {
			r.err(n.place(), CodeMissing, "Service has no type")
		}
	case "Leg":
		r.leg(s, n)
	case "Probe":
		s.Probe = r.choice(n, "through", s.Probe, "arp", "none")
	case "Health":
		s.Health = &Health{Protocol: r.choice(n, "protocol", "http", "http", "https", "tcp", "icmp"), Port: r.port(n), Path: r.plain(n, "path")}
	case "Management":
		s.Login = &Management{
			Protocol: r.plain(n, "protocol"), Port: r.port(n), User: r.plain(n, "user"), PasswordProperty: r.plain(n, "passwordProperty"),
		}
	case "Failure":
		s.Failure = r.choice(n, "policy", s.Failure, "closed", "open")
	case "Availability":
		s.HA = r.availability(n)
	case "Price":
		s.Prices = append(s.Prices, r.price(n))
	default:
		r.unknown(n)
	}
}

// plain returns an attribute of our own elements.
func (r *reader) plain(n node, name string) string {
	if v := foreignAttr(n, "", name); v != "" {
		return v
	}
	return foreignAttr(n, ServiceNamespace, name)
}

func (r *reader) choice(n node, name, standard string, allowed ...string) string {
	value := r.plain(n, name)
	if value == "" {
		return standard
	}
	if !slices.Contains(allowed, value) {
		r.err(n.place(), CodeService, "%s is %q; it must be one of %s", name, printable(value, 40), strings.Join(allowed, ", "))
		return standard
	}
	return value
}

func (r *reader) choices(n node, name string, allowed ...string) []string {
	values := list(r.plain(n, name))
	for _, value := range values {
		if !slices.Contains(allowed, value) {
			r.err(n.place(), CodeService, "%s holds %q; each word must be one of %s", name, printable(value, 40), strings.Join(allowed, ", "))
		}
	}
	return values
}

func (r *reader) port(n node) int {
	text := r.plain(n, "port")
	if text == "" {
		return 0
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		r.err(n.place(), CodeService, "port is %q; it must be a number from 1 to 65535", printable(text, 40))
	}
	return int(port)
}

func (r *reader) leg(s *NetworkService, n node) {
	leg := Leg{
		InstanceID: r.plain(n, "instanceID"),
		Role:       Role(r.choice(n, "role", "", string(RoleInside), string(RoleOutside), string(RoleManagement), string(RoleHA))),
	}
	if leg.InstanceID == "" || leg.Role == "" {
		r.err(n.place(), CodeMissing, "a Leg needs an instanceID and a role")
		return
	}
	if leg.Role == RoleInside || leg.Role == RoleOutside {
		leg.Pair = 1
	}
	if text := r.plain(n, "pair"); text != "" {
		pair, err := strconv.ParseUint(text, 10, 16)
		if err != nil || pair == 0 || leg.Pair == 0 {
			r.err(n.place(), CodeService, "pair is %q; it is a number from 1, for inside and outside legs", printable(text, 40))
			return
		}
		leg.Pair = int(pair)
	}
	for _, other := range s.Legs {
		if other.InstanceID == leg.InstanceID {
			r.err(n.place(), CodeDuplicate, "the NIC %s has two legs", printable(leg.InstanceID, 40))
			return
		}
	}
	if len(s.Legs) >= maxLegs {
		r.once(Error, n.place().parent, CodeLimit, "more than %d legs", maxLegs)
		return
	}
	s.Legs = append(s.Legs, leg)
}

// maxLegs is far above what any cloud plugs into one machine.
const maxLegs = 64

func (r *reader) availability(n node) []string {
	modes := list(r.plain(n, "modes"))
	for _, mode := range modes {
		size, cluster := strings.CutPrefix(mode, "cluster:")
		members, err := strconv.ParseUint(size, 10, 8)
		if mode != "none" && mode != "respin" && mode != "standby" && (!cluster || err != nil || members < 2) {
			r.err(n.place(), CodeService, "availability mode %q is none of none, respin, standby and cluster:N", printable(mode, 40))
		}
	}
	return modes
}

var (
	decimalAmount = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,9})?$`)
	currencyCode  = regexp.MustCompile(`^[A-Z]{3}$`)
)

func (r *reader) price(n node) Price {
	p := Price{
		Configuration: r.plain(n, "configuration"), Dimension: r.plain(n, "dimension"), Unit: r.plain(n, "unit"),
		Amount: r.plain(n, "amount"), Currency: r.plain(n, "currency"),
	}
	switch {
	case p.Configuration != "" && !r.options[p.Configuration]:
		r.err(n.place(), CodeDangling, "configuration %q is not declared in the DeploymentOptionSection", printable(p.Configuration, 60))
	case !decimalAmount.MatchString(p.Amount):
		r.err(n.place(), CodeService, "amount %q is no decimal number such as 0.12", printable(p.Amount, 40))
	case !currencyCode.MatchString(p.Currency):
		r.err(n.place(), CodeService, "currency %q is no code of three capital letters", printable(p.Currency, 40))
	case p.Dimension == "" || p.Unit == "":
		r.err(n.place(), CodeMissing, "a Price needs a dimension and a unit")
	}
	return p
}

// checkServiceLegs checks what the section refers to, once all of its virtual
// system has been read.
func (r *reader) checkServiceLegs(c *Content) {
	if c.Service == nil {
		return
	}
	nics := map[string]bool{}
	for _, h := range c.Hardware {
		for _, item := range h.Items {
			nics[item.InstanceID] = nics[item.InstanceID] || item.Type == ResourceEthernet
		}
	}
	pairs := map[Role]map[int]bool{RoleInside: {}, RoleOutside: {}}
	for _, leg := range c.Service.Legs {
		if !nics[leg.InstanceID] {
			r.err(c.place, CodeDangling, "the NetworkServiceSection of %q names NIC %s, which is no Ethernet item", printable(c.ID, 60), printable(leg.InstanceID, 40))
		}
		if leg.Pair > 0 {
			pairs[leg.Role][leg.Pair] = true
		}
	}
	for pair := range pairs[RoleInside] {
		if !pairs[RoleOutside][pair] && c.Service.Zones != "isolated" {
			r.err(c.place, CodeService, "pair %d of %q has an inside leg and no outside leg", pair, printable(c.ID, 60))
		}
	}
	if login := c.Service.Login; login != nil && login.PasswordProperty != "" {
		r.checkPasswordProperty(c, login.PasswordProperty)
	}
}

func (r *reader) checkPasswordProperty(c *Content, id string) {
	for at := c; at != nil; at = at.Parent {
		for _, p := range at.Properties() {
			if p.ID == id {
				if !p.Password {
					r.warn(p.place, CodeService, "property %q is handed out as a password but is not marked as one", printable(id, 100))
				}
				return
			}
		}
	}
	r.err(c.place, CodeDangling, "passwordProperty %q is no property of %q", printable(id, 100), printable(c.ID, 60))
}
