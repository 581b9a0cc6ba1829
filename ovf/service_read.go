package ovf

import (
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
		r.err(n.place(), CodeDuplicateSection, "a second NetworkServiceSection stands in the VirtualSystem")
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
		s.SideProperty = r.plain(n, "sideProperty")
		if s.Type == "" {
			r.err(n.place(), CodeMissingAttribute, "Service has no type")
		}
	case "Leg":
		r.leg(s, n)
	case "Side":
		r.side(s, n)
	case "Peer":
		r.peer(s, n)
	case "Probe":
		s.Probe = r.choice(n, "through", s.Probe, "arp", "none")
	case "Health":
		s.Health = &Health{Protocol: r.choice(n, "protocol", "http", "http", "https", "tcp", "icmp"), Port: r.port(n), Path: r.plain(n, "path")}
	case "Management":
		s.Login = &Management{
			Protocol: r.plain(n, "protocol"), Port: r.port(n), User: r.plain(n, "user"), PasswordProperty: r.plain(n, "passwordProperty"),
		}
		s.Login.Accounts = r.accounts(n, *s.Login)
	case "Failure":
		s.Failure = r.choice(n, "policy", s.Failure, "closed", "open")
	case "Availability":
		s.HA = r.availability(n)
	case "Usage":
		s.UsageKeyProperty, s.UsageInstanceProperty = r.plain(n, "keyProperty"), r.plain(n, "instanceProperty")
		if s.UsageKeyProperty == "" {
			r.err(n.place(), CodeMissingAttribute, "Usage has no keyProperty")
		}
	case "Price":
		s.Prices = append(s.Prices, r.price(n))
	default:
		r.unknown(n)
	}
}

// accounts is where the appliance keeps further logins: a path of its HTTP
// service, on which the first login may act.
func (r *reader) accounts(n node, m Management) string {
	path := r.plain(n, "accounts")
	switch {
	case path == "":
		return ""
	case !strings.HasPrefix(path, "/") || strings.Count(path, "{user}") != 1 || strings.ContainsAny(path, " ?#"):
		r.err(n.place(), CodeService, "accounts is %q; it must be a path with {user} in it, such as /accounts/{user}", printable(path, 100))
	case m.Protocol != "http" && m.Protocol != "https":
		r.err(n.place(), CodeService, "accounts needs protocol http or https, not %q", printable(m.Protocol, 40))
	case m.User == "" || m.PasswordProperty == "":
		r.err(n.place(), CodeService, "accounts needs user and passwordProperty: with them accounts are made")
	default:
		return path
	}
	return ""
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
