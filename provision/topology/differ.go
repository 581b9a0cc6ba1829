package topology

import (
	"fmt"
	"slices"
)

// DifferenceKind is in which way a fabric is not as it should be.
type DifferenceKind string

const (
	MissingNetwork   DifferenceKind = "missing-network"   // a segment or management network is not there
	MissingAppliance DifferenceKind = "missing-appliance" // neither a machine nor a port of it is there
	StoppedAppliance DifferenceKind = "stopped-appliance" // its ports are there, its machine does not run
	StaleAppliance   DifferenceKind = "stale-appliance"   // its machine was to be started anew, and was not
	MissingPort      DifferenceKind = "missing-port"
	WrongNetwork     DifferenceKind = "wrong-network" // a leg or a gateway's plug is plugged in elsewhere
	WrongPort        DifferenceKind = "wrong-port"    // a port is another NIC than the one of its name
	MissingRule      DifferenceKind = "missing-rule"
	WrongRule        DifferenceKind = "wrong-rule" // a gateway's rule classifies other flows or has other members
	ExtraNetwork     DifferenceKind = "extra-network"
	ExtraAppliance   DifferenceKind = "extra-appliance"
	ExtraPort        DifferenceKind = "extra-port"
	ExtraRule        DifferenceKind = "extra-rule"
	LostNetwork      DifferenceKind = "lost-network" // a tenant's own network that a service is stitched into is not there
	LostPort         DifferenceKind = "lost-port"    // a gateway's port for a tenant's own network is not there
)

// Difference is one thing that is not as it should be.
type Difference struct {
	Kind     DifferenceKind `json:"kind"`
	Thing    string         `json:"thing"` // the id of the network, appliance, port or rule
	Instance InstanceID     `json:"instance,omitempty"`
	Networks []NetworkID    `json:"networks,omitempty"` // tenant networks whose traffic is concerned
	Gateway  GatewayID      `json:"gateway,omitempty"`  // of a gateway's plug or rule
	Is       string         `json:"is,omitempty"`       // of what is wrong; empty: not plugged in
	Should   string         `json:"should,omitempty"`   // of what is wrong; empty: not plugged in
}

// Differ lists in what have is not as want, in the order of networks, appliances
// with their ports, gateways and rules. Annotations that follow from the plugs do
// not count, nor do things of the tenant's that want does not speak of. It is empty
// exactly when Plan has nothing to do.
func Differ(have, want Fabric) []Difference {
	have, want = Settle(have), Settle(want)
	d := differ{have: newParts(have), want: newParts(want)}
	for _, n := range want.Networks {
		d.network(n)
	}
	for _, n := range have.Networks {
		if _, ok := d.want.networks[n.ID]; !ok && n.Role != RoleTenant {
			d.add(Difference{Kind: ExtraNetwork, Thing: string(n.ID), Instance: n.Instance, Networks: some(n.Carries)})
		}
	}
	for _, a := range want.Appliances {
		d.appliance(a)
	}
	for _, a := range have.Appliances {
		d.extra(a)
	}
	for _, g := range want.Gateways {
		d.gateway(g)
	}
	d.rules(have, want)
	return d.found
}

// Lost takes out of services the stitches into networks that the tenant has no more,
// or that no gateway serves any more, and lists those. What is left can be composed.
func Lost(have Fabric, services []Service) (rest []Service, lost []Difference) {
	there := map[NetworkID]bool{}
	for _, n := range have.Networks {
		there[n.ID] = n.Role == RoleTenant && slices.ContainsFunc(have.Gateways, func(g Gateway) bool {
			return slices.ContainsFunc(g.Plugs, func(p Plug) bool { return p.Home == n.ID })
		})
	}
	for _, s := range services {
		var stitches []Stitch
		for _, st := range s.Stitches {
			if there[st.Network] {
				stitches = append(stitches, st)
				continue
			}
			lost = append(lost, Difference{Kind: LostNetwork, Thing: string(st.Network), Instance: s.Instance, Networks: []NetworkID{st.Network}})
		}
		s.Stitches = stitches
		rest = append(rest, s)
	}
	return rest, lost
}

type differ struct {
	have, want parts
	found      []Difference
}

func (d *differ) add(x Difference) { d.found = append(d.found, x) }

func (d *differ) network(n Network) {
	if _, ok := d.have.networks[n.ID]; ok {
		return
	}
	kind := MissingNetwork
	if n.Role == RoleTenant {
		kind = LostNetwork
	}
	d.add(Difference{Kind: kind, Thing: string(n.ID), Instance: n.Instance, Networks: some(n.Carries)})
}

func (d *differ) appliance(a Appliance) {
	was, ok := d.have.appliances[a.ID]
	if !ok {
		d.add(Difference{Kind: MissingAppliance, Thing: string(a.ID), Instance: a.Instance, Networks: a.serves()})
		return
	}
	switch {
	case a.Booted && !was.Booted:
		d.add(Difference{Kind: StoppedAppliance, Thing: string(a.ID), Instance: a.Instance, Networks: a.serves()})
	case a.Booted && a.Start != was.Start:
		d.add(Difference{Kind: StaleAppliance, Thing: string(a.ID), Instance: a.Instance, Networks: a.serves()})
	}
	for _, l := range a.Legs {
		about := Difference{Thing: string(l.Port), Instance: a.Instance, Networks: some(l.Serves)}
		switch is, ok := d.have.legs[l.Port]; {
		case !ok:
			about.Kind = MissingPort
		case is.NIC != l.NIC || is.Role != l.Role || is.Pair != l.Pair:
			about.Kind, about.Is, about.Should = WrongPort, is.nic(), l.nic()
		case is.At != l.At:
			about.Kind, about.Is, about.Should = WrongNetwork, string(is.At), string(l.At)
			about.Networks = sortedUnique(append(some(l.Serves), is.Serves...))
		default:
			continue
		}
		d.add(about)
	}
}

// extra is what is there of an appliance and should not be.
func (d *differ) extra(a Appliance) {
	if _, ok := d.want.appliances[a.ID]; !ok {
		d.add(Difference{Kind: ExtraAppliance, Thing: string(a.ID), Instance: a.Instance, Networks: a.serves()})
		return
	}
	for _, l := range a.Legs {
		if _, ok := d.want.legs[l.Port]; !ok {
			d.add(Difference{Kind: ExtraPort, Thing: string(l.Port), Instance: a.Instance, Networks: some(l.Serves)})
		}
	}
}

func (d *differ) gateway(g Gateway) {
	for _, p := range g.Plugs {
		about := Difference{Thing: string(p.Port), Gateway: g.ID, Networks: []NetworkID{p.Home}}
		switch is, ok := d.have.plugs[p.Port]; {
		case !ok:
			about.Kind = LostPort
		case is.At != p.At:
			about.Kind, about.Is, about.Should = WrongNetwork, string(is.At), string(p.At)
			about.Instance = d.want.networks[p.At].Instance
			if about.Instance == "" {
				about.Instance = d.have.networks[is.At].Instance
			}
		default:
			continue
		}
		d.add(about)
	}
}

func (d *differ) rules(have, want Fabric) {
	for _, r := range want.Redirects {
		about := Difference{Thing: string(r.ID), Instance: r.Instance, Gateway: r.Gateway, Networks: []NetworkID{r.Network}}
		switch is := have.redirect(r.ID); {
		case is == nil:
			about.Kind = MissingRule
		case !same(is, &r):
			about.Kind, about.Is, about.Should = WrongRule, is.describe(), r.describe()
		default:
			continue
		}
		d.add(about)
	}
	for _, r := range have.Redirects {
		if want.redirect(r.ID) == nil {
			d.add(Difference{Kind: ExtraRule, Thing: string(r.ID), Instance: r.Instance, Gateway: r.Gateway, Networks: []NetworkID{r.Network}})
		}
	}
}

func (a *Appliance) serves() []NetworkID {
	var all []NetworkID
	for _, l := range a.Legs {
		all = append(all, l.Serves...)
	}
	return sortedUnique(all)
}

func (l *Leg) nic() string { return fmt.Sprintf("NIC %d, the %s", l.NIC, l.kind()) }

func (r *Redirect) describe() string { return fmt.Sprintf("%s through %s", r.Match, r.through()) }

// String is one sentence, without a full stop.
func (d Difference) String() string { return printable(d.sentence() + d.concerns()) }

func (d Difference) sentence() string {
	switch d.Kind {
	case MissingNetwork:
		return fmt.Sprintf("network %s is missing", d.Thing)
	case MissingAppliance:
		return fmt.Sprintf("appliance %s is gone, with all its ports", d.Thing)
	case StoppedAppliance:
		return fmt.Sprintf("appliance %s does not run", d.Thing)
	case StaleAppliance:
		return fmt.Sprintf("appliance %s was to be started anew and was not", d.Thing)
	case MissingPort:
		return fmt.Sprintf("port %s is missing", d.Thing)
	case WrongNetwork:
		return fmt.Sprintf("port %s%s is %s and should be %s", d.Thing, d.of(), plugged(d.Is), plugged(d.Should))
	case WrongPort:
		return fmt.Sprintf("port %s is %s and should be %s", d.Thing, d.Is, d.Should)
	case MissingRule:
		return fmt.Sprintf("rule %s%s is missing", d.Thing, d.of())
	case WrongRule:
		return fmt.Sprintf("rule %s%s sends %s and should send %s", d.Thing, d.of(), d.Is, d.Should)
	case ExtraNetwork:
		return fmt.Sprintf("network %s should not be there", d.Thing)
	case ExtraAppliance:
		return fmt.Sprintf("appliance %s should not be there", d.Thing)
	case ExtraPort:
		return fmt.Sprintf("port %s should not be there", d.Thing)
	case ExtraRule:
		return fmt.Sprintf("rule %s%s should not be there", d.Thing, d.of())
	case LostNetwork:
		text := fmt.Sprintf("the tenant's network %s is gone, or its gateway", d.Thing)
		if d.Instance != "" {
			text += fmt.Sprintf("; instance %s is stitched into it", d.Instance)
		}
		return text
	case LostPort:
		return fmt.Sprintf("port %s%s is gone", d.Thing, d.of())
	}
	return string(d.Kind) + " " + d.Thing
}

// of says whose port or rule it is where a gateway has it.
func (d Difference) of() string {
	if d.Gateway == "" {
		return ""
	}
	return " of gateway " + string(d.Gateway)
}

// concerns says whose traffic is concerned, unless the thing is that network.
func (d Difference) concerns() string {
	if len(d.Networks) == 0 || slices.Equal(d.Networks, []NetworkID{NetworkID(d.Thing)}) {
		return ""
	}
	return " (traffic of " + list(d.Networks) + ")"
}

func plugged(at string) string {
	if at == "" {
		return "not plugged in"
	}
	return "plugged into " + at
}
