package topology

import (
	"fmt"
	"slices"
)

// turn is a service in redirect mode on its way to appliances and rules.
type turn struct {
	Service
	machines []*machine
	idle     []bool // of each machine
	rules    []Redirect
	lifted   []RedirectID // of rules: those of stitches that are bypassed
}

func (t *turn) label() string { return (&machine{Service: t.Service}).label() }

// admitTurn checks what the service is to be redirected.
func (c *composer) admitTurn(t *turn) error {
	seen := map[NetworkID]bool{}
	for _, s := range t.Stitches {
		n := c.nets[s.Network]
		switch {
		case n == nil:
			return fmt.Errorf("%s cannot be stitched into network %q: the tenant has no such network", t.label(), s.Network)
		case !c.gated[s.Network]:
			return fmt.Errorf("%s cannot be stitched into network %q: it has no gateway that could redirect anything", t.label(), label(n.Name, n.ID))
		case seen[s.Network]:
			return fmt.Errorf("%s is to be stitched into network %q twice", t.label(), label(n.Name, n.ID))
		case s.Pair != t.Stitches[0].Pair:
			return fmt.Errorf("%s cannot redirect two networks through two pairs of legs", t.label())
		}
		seen[s.Network] = true
		match := Classifier{}
		if s.Match != nil {
			match = *s.Match
		}
		if err := match.Check(); err != nil {
			return fmt.Errorf("%s cannot classify the flows of network %q: %w", t.label(), label(n.Name, n.ID), err)
		}
		rules := c.rules(t, s.Network, match)
		if len(rules) > 1 {
			return fmt.Errorf("%s cannot redirect flows of network %q: it has %d gateways, and the two directions of a flow may pass different ones; put the service in path, or leave the network one gateway",
				t.label(), label(n.Name, n.ID), len(rules))
		}
		for _, r := range rules {
			t.rules = append(t.rules, r)
			if s.Bypassed {
				t.lifted = append(t.lifted, r.ID)
			}
		}
	}
	return c.alone(t)
}

// rules are those of one stitch: one at every gateway of the network.
func (c *composer) rules(t *turn, n NetworkID, match Classifier) []Redirect {
	var list []Redirect
	for _, g := range c.f.Gateways {
		if slices.ContainsFunc(g.Plugs, func(p Plug) bool { return p.Home == n }) {
			list = append(list, Redirect{ID: redirectOf(t.Instance, n, g.ID), Instance: t.Instance, Gateway: g.ID, Network: n, Match: match, Members: []Member{}})
		}
	}
	return list
}

// alone refuses flows that another service has already: which of the two would
// get them is nothing to be decided by chance.
func (c *composer) alone(t *turn) error {
	for _, o := range c.turns {
		if o == t {
			continue
		}
		for _, a := range o.rules {
			for _, b := range t.rules {
				if a.Network == b.Network && a.Gateway == b.Gateway && a.Match.Overlaps(b.Match) {
					return fmt.Errorf("%s cannot have the flows %q of network %q: %s has %q of it, and some flows are both",
						t.label(), b.Match, c.name(b.Network), o.label(), a.Match)
				}
			}
		}
	}
	return nil
}

// redirect plugs the replicas in between their segments and makes the rules.
func (c *composer) redirect(t *turn) error {
	if len(t.rules) == 0 {
		return nil
	}
	for i, m := range t.machines {
		member, err := c.stand(m, t.Stitches[0].Pair)
		if err != nil {
			return err
		}
		for r := range t.rules {
			if !t.idle[i] {
				t.rules[r].Members = append(t.rules[r].Members, member)
			}
		}
	}
	c.f.Redirects = append(c.f.Redirects, slices.DeleteFunc(t.rules, t.isLifted)...)
	return nil
}

// isLifted says that a rule is left out for now. The flows that it means stay the
// service's: no other may have them meanwhile.
func (t *turn) isLifted(r Redirect) bool { return slices.Contains(t.lifted, r.ID) }

// stand plugs one appliance in.
func (c *composer) stand(m *machine, pair int) (Member, error) {
	in, out := pairLeg(&m.appliance, Inside, pair), pairLeg(&m.appliance, Outside, pair)
	if in < 0 || out < 0 {
		return Member{}, fmt.Errorf("%s has no pair %d of an inside and an outside NIC to redirect flows through", m.label(), pair)
	}
	member := Member{Appliance: m.appliance.ID}
	for _, end := range []struct {
		leg  *Leg
		side string
		id   *NetworkID
	}{{&m.appliance.Legs[in], "inside", &member.Inside}, {&m.appliance.Legs[out], "outside", &member.Outside}} {
		seg := Network{ID: NetworkID(fmt.Sprintf("turn-%s-%s", m.appliance.ID, end.side)), Role: RoleSegment, Instance: m.Instance}
		seg.Name = fmt.Sprintf("turn-%s-%s", m.appliance.label(), end.side)
		for _, s := range m.Stitches {
			seg.Carries = append(seg.Carries, s.Network)
		}
		if err := c.make(seg); err != nil {
			return Member{}, err
		}
		end.leg.At, *end.id = seg.ID, seg.ID
	}
	return member, nil
}
