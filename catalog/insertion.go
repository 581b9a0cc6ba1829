package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bumpwire/bumpwire/ovf"
)

// insertionOf is what the package says of its insertion, or what names suggest.
func insertionOf(p *ovf.Package) Insertion {
	service, _ := p.Service() // what is missing is found in what the service will be
	in := Insertion{
		Type: service.Type, Topology: service.Topology, Modes: service.Modes, ManagedBy: service.ManagedBy,
		Zones: service.Zones, Failure: service.Failure, HA: service.HA, Probe: service.Probe,
		Legs: []Leg{},
	}
	if h := service.Health; h != nil {
		in.Health = &Endpoint{Protocol: h.Protocol, Port: h.Port, Path: h.Path}
	}
	if m := service.Login; m != nil {
		in.Management = &Management{
			Endpoint: Endpoint{Protocol: m.Protocol, Port: m.Port}, User: m.User, PasswordProperty: m.PasswordProperty,
			Accounts: m.Accounts,
		}
	}
	if plan, ok := p.Plan(""); ok && len(plan.Systems) > 0 {
		in.Legs = legsOf(plan.Systems[0], service.Inferred)
		in.Sides = sidesOf(p, plan, in, service.Inferred)
	}
	return in
}

func legsOf(system ovf.PlanSystem, inferred bool) []Leg {
	legs := make([]Leg, 0, len(system.NICs))
	for _, nic := range system.NICs {
		name := cmp.Or(nic.Name, nic.InstanceID)
		if slices.ContainsFunc(legs, func(l Leg) bool { return l.NIC == name }) {
			name += " (" + nic.InstanceID + ")"
		}
		legs = append(legs, Leg{
			NIC: name, Network: nic.Network, Model: nic.Model,
			Role: string(nic.Role), Pair: nic.Pair, Inferred: inferred && nic.Role != "",
		})
	}
	return legs
}

// correct lays the fields of c that say something over those of in, and names
// the NICs of c that in does not have.
func (in Insertion) correct(c Insertion) (out Insertion, unknown []string) {
	out = in
	out.Type = cmp.Or(c.Type, in.Type)
	out.Topology = cmp.Or(c.Topology, in.Topology)
	out.Zones = cmp.Or(c.Zones, in.Zones)
	out.Failure = cmp.Or(c.Failure, in.Failure)
	out.Probe = cmp.Or(c.Probe, in.Probe)
	out.Modes = said(c.Modes, in.Modes)
	out.ManagedBy = said(c.ManagedBy, in.ManagedBy)
	out.HA = said(c.HA, in.HA)
	if len(c.Sides) > 0 {
		out.Sides = named(c.Sides, in.Sides)
	}
	out.Health = cmp.Or(c.Health, in.Health)
	out.Management = cmp.Or(c.Management, in.Management)
	out.Legs = slices.Clone(in.Legs)
	for _, l := range c.Legs {
		at := slices.IndexFunc(out.Legs, func(o Leg) bool { return o.NIC == l.NIC })
		if at < 0 {
			unknown = append(unknown, l.NIC)
			continue
		}
		out.Legs[at].Role, out.Legs[at].Pair, out.Legs[at].Inferred = l.Role, l.Pair, false
		if data(l.Role) && l.Pair == 0 {
			out.Legs[at].Pair = 1
		}
	}
	return out, unknown
}

// and is the corrections of in with those of later on top.
func (in Insertion) and(later Insertion) Insertion {
	merged, _ := in.correct(Insertion{
		Type: later.Type, Topology: later.Topology, Zones: later.Zones, Failure: later.Failure, Probe: later.Probe,
		Modes: later.Modes, ManagedBy: later.ManagedBy, HA: later.HA, Health: later.Health, Management: later.Management, Sides: later.Sides,
	})
	merged.Legs = slices.Clone(later.Legs)
	for _, l := range in.Legs {
		if !slices.ContainsFunc(merged.Legs, func(o Leg) bool { return o.NIC == l.NIC }) {
			merged.Legs = append(merged.Legs, l)
		}
	}
	return merged
}

func said(list, otherwise []string) []string {
	if len(list) > 0 {
		return list
	}
	return otherwise
}

// data reports whether a leg of that role carries the tenant's traffic.
func data(role string) bool {
	return role == string(ovf.RoleInside) || role == string(ovf.RoleOutside)
}

// capacity is how many networks one instance can be stitched into: the pairs of
// legs, or the inside legs of an appliance that keeps zones apart.
func (in Insertion) capacity() int {
	n := 0
	for _, l := range in.Legs {
		if l.Role == string(ovf.RoleInside) {
			n++
		}
	}
	return n
}

// missing says in a sentence each what keeps the service from being inserted.
func (in Insertion) missing() []string {
	m := in.missingWords()
	management := 0
	for _, l := range in.Legs {
		switch l.Role {
		case string(ovf.RoleManagement):
			management++
		case string(ovf.RoleInside), string(ovf.RoleOutside), string(ovf.RoleHA):
		case "":
			m = append(m, fmt.Sprintf("the role of NIC %q: inside, outside, management or ha", l.NIC))
		default:
			m = append(m, fmt.Sprintf("the role of NIC %q: %q is none of inside, outside, management and ha", l.NIC, l.Role))
		}
	}
	m = append(m, in.missingSides()...)
	for _, side := range in.SideNames() {
		of := in
		of.Legs = in.LegsOf(side)
		for _, said := range of.missingPairs() {
			if !slices.Contains(m, said) {
				m = append(m, said)
			}
		}
	}
	if management > 1 {
		m = append(m, "which NIC is the management leg: there is more than one")
	}
	if management == 0 && (in.Health != nil || in.Management != nil) {
		m = append(m, "the management leg, on which the health probe or the login is")
	}
	return append(m, in.missingEndpoints()...)
}

func (in Insertion) missingWords() []string {
	var m []string
	if in.Type == "" {
		m = append(m, "the type of the service: firewall, load-balancer, wan-optimiser, vpn, or another word")
	}
	for _, w := range []struct {
		what    string
		given   []string
		allowed []string
	}{
		{"the topology", []string{in.Topology}, []string{"single", "symmetric"}},
		{"the modes", in.Modes, []string{"in-path", "redirect"}},
		{"who manages it", in.ManagedBy, []string{"tenant", "provider"}},
		{"the zones", []string{in.Zones}, []string{"bridged", "isolated"}},
		{"the failure policy", []string{in.Failure}, []string{"closed", "open"}},
		{"the readiness probe", []string{in.Probe}, []string{"arp", "none"}},
		{"the availability", in.HA, []string{"none", "respin", "standby", "cluster:N"}},
	} {
		if len(w.given) == 0 || slices.ContainsFunc(w.given, func(g string) bool { return !slices.Contains(w.allowed, family(g)) }) {
			m = append(m, fmt.Sprintf("%s: %s instead of %s", w.what, quoted(w.given), strings.Join(w.allowed, ", ")))
		}
	}
	return m
}

// family is cluster:N for an availability mode that names a number of members.
func family(mode string) string {
	if n, ok := strings.CutPrefix(mode, "cluster:"); ok {
		if members, err := strconv.ParseUint(n, 10, 8); err == nil && members >= 2 {
			return "cluster:N"
		}
	}
	return mode
}

func quoted(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	return strings.Join(q, ", ")
}

// missingPairs checks that each inside leg has its own outside leg; isolated
// zones may share one.
func (in Insertion) missingPairs() []string {
	var m []string
	count := map[string]map[int]int{"inside": {}, "outside": {}}
	for _, l := range in.Legs {
		if data(l.Role) {
			count[l.Role][l.Pair]++
		}
	}
	for _, role := range []string{"inside", "outside"} {
		if len(count[role]) == 0 {
			m = append(m, "the "+role+" leg: no NIC has that role")
		}
	}
	if len(m) > 0 {
		return m
	}
	for _, l := range in.Legs {
		if !data(l.Role) {
			continue
		}
		other := map[string]string{"inside": "outside", "outside": "inside"}[l.Role]
		switch {
		case l.Pair < 1:
			m = append(m, fmt.Sprintf("the pair of NIC %q: a number from 1", l.NIC))
		case count[l.Role][l.Pair] > 1:
			m = append(m, fmt.Sprintf("the pair of NIC %q: another %s leg is in pair %d too", l.NIC, l.Role, l.Pair))
		case count[other][l.Pair] == 0 && in.Zones != "isolated":
			m = append(m, fmt.Sprintf("the %s leg that belongs to NIC %q of pair %d", other, l.NIC, l.Pair))
		}
	}
	return m
}

func (in Insertion) missingEndpoints() []string {
	var m []string
	check := func(what string, e Endpoint, portless string) {
		if e.Protocol == "" || (e.Port < 1 || e.Port > 65535) && e.Protocol != portless {
			m = append(m, what+": it needs a protocol and a port from 1 to 65535")
		}
	}
	if in.Health != nil {
		check("the health probe", *in.Health, "icmp")
	}
	if in.Management != nil {
		check("the management login", in.Management.Endpoint, "")
	}
	return m
}
