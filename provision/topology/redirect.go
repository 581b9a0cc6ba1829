package topology

import (
	"fmt"
	"slices"
)

// RedirectID names a rule of a gateway; it is made here.
type RedirectID string

// Redirect is a rule of a gateway: the flows of one tenant network that it
// classifies pass one of the members of a service, both ways, on their way
// through the gateway; everything else stays as it is. To the gateway a member
// is a wire between two segments, in each of which it has a port of its own.
//
// A flow stays with its member. When members come or go, only the flows of those
// that went find another one; where a gateway looks at each packet alone, one that
// comes gets its share of all. While there is none, matching flows stop.
type Redirect struct {
	ID       RedirectID `json:"id"`
	Instance InstanceID `json:"instance"`
	Gateway  GatewayID  `json:"gateway"`
	Network  NetworkID  `json:"network"`
	Match    Classifier `json:"match"`
	Members  []Member   `json:"members"` // by appliance
}

// Member is an appliance that a gateway can send flows through.
type Member struct {
	Appliance ApplianceID `json:"appliance"`
	Inside    NetworkID   `json:"inside"`  // the segment at its inside leg
	Outside   NetworkID   `json:"outside"` // the segment at its outside leg
}

func redirectOf(i InstanceID, n NetworkID, g GatewayID) RedirectID {
	return RedirectID(fmt.Sprintf("redirect-%s-%s-%s", i, n, g))
}

// RouteOf is the way of a flow between a tenant network's hosts and beyond: Path,
// then the member that its gateway sends it through, if one of its rules says so.
// Members are alike: the first that runs stands for whichever a flow stays with.
func RouteOf(f Fabric, from NetworkID, flow Flow) (Route, bool) {
	return RouteTo(f, from, f.gatewayOf(from), flow)
}

// Across is the way of an outbound flow of one tenant network to another one of the
// same tenant: to the gateway that its hosts use, from there, if need be, to one of
// the other network's, and through that one's services from the gateway on.
func Across(f Fabric, from, to NetworkID, flow Flow) (Route, bool) {
	if from == to {
		return Route{namesOf(f).hop(from)}, true
	}
	out, ok := RouteOf(f, from, flow)
	if !ok {
		return out, false
	}
	gateway := out[len(out)-1].Gateway
	if !f.serves(gateway, to) {
		gateway = f.gatewayOf(to)
	}
	flow.Direction, flow.Local, flow.Remote = Inbound, flow.Remote, flow.Local
	in, ok := RouteTo(f, to, gateway, flow)
	if !ok {
		return out, false
	}
	slices.Reverse(in)
	if in[0].Gateway == out[len(out)-1].Gateway {
		in = in[1:]
	}
	return append(out, in...), true
}

// serves says whether a gateway has a port for a network.
func (f *Fabric) serves(g GatewayID, n NetworkID) bool {
	return slices.ContainsFunc(f.Gateways, func(gw Gateway) bool {
		return gw.ID == g && slices.ContainsFunc(gw.Plugs, func(p Plug) bool { return p.Home == n })
	})
}

// RouteTo is RouteOf to a certain one of the network's gateways.
func RouteTo(f Fabric, from NetworkID, to GatewayID, flow Flow) (Route, bool) {
	r, ok := PathTo(f, from, to)
	if !ok {
		return r, false
	}
	gateway := r[len(r)-1]
	for _, rule := range f.Redirects {
		if rule.Network != from || rule.Gateway != gateway.Gateway || !rule.Match.Matches(flow) {
			continue
		}
		for _, m := range rule.Members {
			if a := f.appliance(m.Appliance); a != nil && a.Booted {
				return append(r, Hop{Appliance: a.ID, Name: label(a.Name, a.ID)}, gateway), true
			}
		}
		return r, false
	}
	return r, true
}

// redirect brings a rule from what it was to what it is to be.
func redirect(f *Fabric, s Step) error {
	was, will := s.Was, s.Redirect
	at := slices.IndexFunc(f.Redirects, func(r Redirect) bool { return r.ID == s.rule() })
	if same(f.redirect(s.rule()), will) {
		return nil
	}
	if !same(f.redirect(s.rule()), was) {
		return fmt.Errorf("cannot change rule %q: it is not as the step says it was", s.rule())
	}
	if will == nil {
		f.Redirects = slices.Delete(f.Redirects, at, at+1)
		return nil
	}
	if err := f.admits(*will); err != nil {
		return err
	}
	if was == nil {
		f.Redirects = append(f.Redirects, cloneRedirect(*will))
		return nil
	}
	f.Redirects[at] = cloneRedirect(*will)
	return nil
}

// admits says why a rule cannot be.
func (f *Fabric) admits(r Redirect) error {
	if !f.serves(r.Gateway, r.Network) {
		return fmt.Errorf("cannot make rule %q: gateway %q has no port for network %q", r.ID, r.Gateway, r.Network)
	}
	for _, m := range r.Members {
		if why := f.unfit(m); why != "" {
			return fmt.Errorf("cannot make rule %q: %s", r.ID, why)
		}
	}
	return nil
}

// unfit says why a gateway cannot send flows through a member.
func (f *Fabric) unfit(m Member) string {
	a := f.appliance(m.Appliance)
	if a == nil {
		return fmt.Sprintf("there is no appliance %q", m.Appliance)
	}
	if f.network(m.Inside) == nil || f.network(m.Outside) == nil {
		return fmt.Sprintf("%q has no segment at both ends", m.Appliance)
	}
	for _, w := range wires(a) {
		if a.Legs[w.in].At == m.Inside && a.Legs[w.out].At == m.Outside {
			return ""
		}
	}
	return fmt.Sprintf("%q is not plugged in between %q and %q", m.Appliance, m.Inside, m.Outside)
}

// turns says whether a rule needs a segment.
func (f *Fabric) turns(n NetworkID) (Redirect, bool) {
	for _, r := range f.Redirects {
		if slices.ContainsFunc(r.Members, func(m Member) bool { return m.Inside == n || m.Outside == n }) {
			return r, true
		}
	}
	return Redirect{}, false
}

// member says whether a gateway sends flows through an appliance.
func (f *Fabric) member(a ApplianceID) bool {
	return slices.ContainsFunc(f.Redirects, func(r Redirect) bool {
		return slices.ContainsFunc(r.Members, func(m Member) bool { return m.Appliance == a })
	})
}

func (f *Fabric) redirect(id RedirectID) *Redirect {
	for i := range f.Redirects {
		if f.Redirects[i].ID == id {
			return &f.Redirects[i]
		}
	}
	return nil
}

func same(a, b *Redirect) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID && a.Instance == b.Instance && a.Gateway == b.Gateway && a.Network == b.Network &&
		slices.Equal(a.Members, b.Members) && a.Match.String() == b.Match.String()
}

func cloneRedirect(r Redirect) Redirect {
	r.Members = copied(r.Members)
	r.Match.Protocols, r.Match.Ports = some(r.Match.Protocols), some(r.Match.Ports)
	r.Match.Local, r.Match.Remote, r.Match.DSCP = some(r.Match.Local), some(r.Match.Remote), some(r.Match.DSCP)
	return r
}

func sortRedirects(list []Redirect) {
	slices.SortFunc(list, byRedirectID)
	for i := range list {
		slices.SortFunc(list[i].Members, byMember)
	}
}

// rule is the id of the rule that a step is about.
func (s Step) rule() RedirectID {
	if s.Redirect != nil {
		return s.Redirect.ID
	}
	return s.Was.ID
}
