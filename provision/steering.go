package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Steering is how an instance gets at the traffic of its networks. In path all of
// it passes its one appliance. Redirected, a gateway sends it the flows that Match
// means, nil for all, through one of Members appliances, 0 for one; a binding's
// network may have a Match of its own.
type Steering struct {
	Mode    topology.Mode        `json:"mode,omitempty"`
	Match   *topology.Classifier `json:"match,omitempty"`
	Members int                  `json:"members,omitempty"`
	Resilience
}

// members is how many appliances there are to be, one that stands by included.
func (s Steering) members() int {
	if s.Availability == catalog.AvailabilityStandby {
		return 2
	}
	return max(1, s.Members)
}

// steeringParameters are the reserved keys about it.
type steeringParameters struct {
	Mode    string     `json:"mode"`
	Match   *matchText `json:"match"`
	Members int        `json:"members"`
}

// asked is what a package's steering becomes with checked parameters: what they
// leave out stays. A package with one mode has that, one with both stands in path
// unless it is told otherwise.
func (s Steering) asked(in catalog.Insertion, parameters json.RawMessage) (Steering, error) {
	next, err := s.routed(in, parameters)
	if err == nil {
		next.Resilience, err = s.Resilience.asked(next.Mode, in, parameters)
	}
	return next, err
}

func (s Steering) routed(in catalog.Insertion, parameters json.RawMessage) (Steering, error) {
	var p steeringParameters
	if in.Redirects() && len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &p); err != nil {
			return s, fault.New(fault.Invalid, "parameters: %s", jsonProblem(err))
		}
	}
	redirect := s.Mode == topology.Redirected
	if p.Mode != "" {
		redirect = p.Mode == catalog.ModeRedirect
	}
	if !redirect && in.InPath() {
		if p.Match != nil || p.Members > 1 {
			return s, fault.New(fault.Invalid, "parameters: match and members are for mode %q", catalog.ModeRedirect)
		}
		return Steering{}, nil
	}
	return s.redirected(in, p)
}

func (s Steering) redirected(in catalog.Insertion, p steeringParameters) (Steering, error) {
	next := Steering{Mode: topology.Redirected, Match: s.Match, Members: in.Members()}
	if s.Mode == topology.Redirected {
		next.Members = min(s.members(), in.Members())
	}
	if p.Members > 0 {
		next.Members = p.Members
	}
	if p.Match == nil {
		return next, nil
	}
	var err error
	next.Match, err = p.Match.classifier()
	return next, err
}

// steered is the form's steering after an update's parameters. No version changes
// the mode by itself.
func (f Form) steered(was Form, parameters json.RawMessage) (Steering, error) {
	version := f.Package.MaintenanceVersion()
	if f.Mode == topology.Redirected && !f.Insertion.Redirects() {
		return f.Steering, refuse(true, "version %s stands in path only; change the instance's mode first", version)
	}
	next, err := f.Steering.asked(f.Insertion, parameters)
	var p steeringParameters
	if err == nil && next.Mode != was.Mode {
		err = json.Unmarshal(parameters, &p)
		if len(parameters) == 0 || p.Mode == "" {
			return next, refuse(false, "version %s can only be redirected to; ask for mode %q at the same time", version, catalog.ModeRedirect)
		}
	}
	return next, err
}

// matchOf is the classifier that a binding's parameters hold for its network; nil
// for the instance's own.
func (i Instance) matchOf(parameters json.RawMessage, network string) (*topology.Classifier, error) {
	var p steeringParameters
	if !i.Insertion.Redirects() || len(parameters) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(parameters, &p); err != nil {
		return nil, fault.New(fault.Invalid, "parameters: %s", jsonProblem(err))
	}
	switch {
	case p.Match == nil:
		return nil, nil
	case network == "":
		return nil, fault.New(fault.Invalid, "parameters: match is about a network, and none is named")
	case i.Mode != topology.Redirected:
		return nil, fault.New(fault.Invalid, "parameters: match is for mode %q, and instance %q stands in path", catalog.ModeRedirect, i.Name)
	}
	c, err := p.Match.classifier()
	if err == nil && c == nil {
		c = &topology.Classifier{} // everything, whatever the instance's is
	}
	return c, err
}

// steer makes of a service in path one that is redirected to, if the instance is.
// All its networks go through one pair of legs then.
func (i Instance) steer(t *topology.Service) {
	i.staff(t)
	if i.Mode != topology.Redirected {
		for n := range t.Stitches {
			t.Stitches[n].Match = nil
		}
		return
	}
	t.Mode = topology.Redirected
	pair := throughPair(i.Insertion.LegsOf(t.Side))
	for n := range t.Stitches {
		t.Stitches[n].Pair = pair
		if t.Stitches[n].Match == nil {
			t.Stitches[n].Match = i.Match
		}
	}
}

// throughPair is the first pair with both an inside and an outside leg.
func throughPair(legs []catalog.Leg) int {
	for _, p := range pairs(legs) {
		if slices.ContainsFunc(legs, func(l catalog.Leg) bool { return l.Role == string(topology.Outside) && l.Pair == p }) {
			return p
		}
	}
	return 1
}

// tryRedirect refuses flows that another service has, before anything is stored.
func (s *Service) tryRedirect(ctx context.Context, i Instance, op work.ChangeID) error {
	if i.Mode != topology.Redirected {
		return nil
	}
	i.InPlace = true
	_, _, err := s.compose(ctx, i.place(), op, i)
	return err
}

// tryBinding is the same for a binding's network.
func (s *Service) tryBinding(ctx context.Context, i Instance, b *Binding) error {
	if b.Stitch == nil {
		return nil
	}
	i.Bindings = maps.Clone(i.Bindings)
	if i.Bindings == nil {
		i.Bindings = map[BindingID]*Binding{}
	}
	i.Bindings[b.ID] = b
	return s.tryRedirect(ctx, i, b.Operation.ID)
}

// describe adds the steering to an instance's parameters, as they were given.
func (s Steering) describe(in catalog.Insertion, values map[string]any) {
	s.Resilience.Describe(in, values)
	if !in.Redirects() {
		return
	}
	values[catalog.KeyMode] = s.Spelled()
	if s.Mode != topology.Redirected {
		return
	}
	if s.Match != nil {
		values[catalog.KeyMatch] = textOf(*s.Match)
	}
	if in.Members() > 1 {
		values[catalog.KeyMembers] = s.members()
	}
}

// Spelled is the mode as parameters spell it.
func (s Steering) Spelled() string {
	if s.Mode == topology.Redirected {
		return catalog.ModeRedirect
	}
	return catalog.ModeInPath
}

// matchText is a classifier as parameters spell it.
type matchText struct {
	Direction topology.Direction  `json:"direction,omitempty"`
	Protocols []topology.Protocol `json:"protocols,omitempty"`
	Ports     []any               `json:"ports,omitempty"` // numbers, and ranges as text
	Local     []string            `json:"local,omitempty"`
	Remote    []string            `json:"remote,omitempty"`
	DSCP      []int               `json:"dscp,omitempty"`
}

// classifier is what is meant; nil for everything.
func (m matchText) classifier() (*topology.Classifier, error) {
	c := topology.Classifier{Direction: m.Direction, Protocols: m.Protocols}
	for _, p := range m.Ports {
		r, err := portsOf(fmt.Sprint(p))
		if err != nil {
			return nil, err
		}
		c.Ports = append(c.Ports, r)
	}
	var err error
	if c.Local, err = rangesOf(m.Local); err != nil {
		return nil, err
	}
	if c.Remote, err = rangesOf(m.Remote); err != nil {
		return nil, err
	}
	for _, d := range m.DSCP {
		c.DSCP = append(c.DSCP, uint8(d)) // the schema says 0 to 63
	}
	if err := c.Check(); err != nil {
		return nil, fault.New(fault.Invalid, "parameters: match: %s", err)
	}
	if c.String() == (topology.Classifier{}).String() {
		return nil, nil
	}
	return &c, nil
}

func portsOf(text string) (topology.Ports, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err != nil || err2 != nil {
		return topology.Ports{}, fault.New(fault.Invalid, "parameters: match: %q is neither a port from 1 to 65535 nor a range such as 8000-8010", text)
	}
	return topology.Ports{First: uint16(a), Last: uint16(b)}, nil
}

// rangesOf reads address ranges; an address alone is a range of one.
func rangesOf(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			if a, err = netip.ParseAddr(text); err != nil || a.Zone() != "" {
				return nil, fault.New(fault.Invalid, "parameters: match: %q is neither an address nor a range such as 10.0.0.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p)
	}
	return list, nil
}

func textOf(c topology.Classifier) matchText {
	m := matchText{Direction: c.Direction, Protocols: c.Protocols}
	for _, p := range c.Ports {
		if p.First == p.Last {
			m.Ports = append(m.Ports, p.First)
		} else {
			m.Ports = append(m.Ports, p.String())
		}
	}
	for _, p := range c.Local {
		m.Local = append(m.Local, p.String())
	}
	for _, p := range c.Remote {
		m.Remote = append(m.Remote, p.String())
	}
	for _, d := range c.DSCP {
		m.DSCP = append(m.DSCP, int(d))
	}
	return m
}
