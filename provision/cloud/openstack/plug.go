package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/extraroutes"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// swap is a plug on its way from one network to another.
type swap struct {
	plugFacts
	plug  topology.PortID
	to    topology.NetworkID
	old   string // the port that the router has now; empty once that is removed
	fresh string // the port that takes its place; empty until it is made

	// Ports of ours that stand for the plug meanwhile, where fresh does not.
	stubs []string

	ranges   []string   // of the old port: ids of subnets
	lean     []floating // floating IPs of hosts that lean on the old port
	recorded int        // how much of what is kept a record says that is there already

	resumed bool // an attempt that was cut off, or this one's opposite, has left something
}

// movePlug takes a router's port from one network to another, keeping its MAC and
// addresses. All but two calls are before or after the time in which no traffic
// passes. Whatever was done before it is cut off, doing it again goes on from there.
func (v *view) movePlug(ctx context.Context, f topology.Fabric, step topology.Step) error {
	s, err := v.swapOf(ctx, f, step)
	if err != nil || s == nil {
		return err
	}
	if s.old != "" {
		if err := v.d.unheld(ctx, *s); err != nil {
			return err
		}
		if s.lean, err = v.leaningOn(ctx, *s); err != nil {
			return err
		}
		s.owe(s.lean)
	}
	if err := v.ready(ctx, *s); err != nil {
		return err
	}
	subnets, err := v.landing(ctx, *s)
	if err != nil {
		return err
	}
	if err := v.record(ctx, s, subnets); err != nil {
		return err
	}
	if err := v.cut(ctx, s, subnets); err != nil {
		return err
	}
	return v.tidy(ctx, *s)
}

// swapOf is what there is of a swap; nil when nothing is left to do.
func (v *view) swapOf(ctx context.Context, f topology.Fabric, step topology.Step) (*swap, error) {
	p, ok := plugIn(f, step)
	switch {
	case !ok:
		return nil, fault.New(fault.NotFound, "tenant %q has no port %q at that gateway", v.tenant, step.Port)
	case step.To == "":
		return nil, fault.New(fault.Invalid, "a gateway's plug cannot be left unplugged on this cloud")
	}
	s := &swap{plug: p.Port, to: step.To}
	s.plugFacts = plugFacts{Router: string(step.Gateway), Home: p.Home, From: p.At, MAC: p.MAC, Addresses: p.Addresses}
	v.findOld(s)
	if p.At == step.To && s.old != "" {
		return nil, v.finish(ctx, s)
	}
	if err := v.findRecord(s); err != nil {
		return nil, err
	}
	for _, r := range v.routesThrough(*s) {
		if !slices.Contains(s.Routes, r) {
			s.Routes = append(s.Routes, r)
		}
	}
	return s, nil
}

// findOld looks for the port that the router has, and what the tenant has called it.
func (v *view) findOld(s *swap) {
	for _, o := range v.plugs {
		at, known := v.at(o.NetworkID)
		if o.DeviceID != s.Router || o.MACAddress != s.MAC || !known || at != s.From {
			continue
		}
		s.old, s.kept = o.ID, kept{Name: o.Name, Description: o.Description, Tags: o.Tags}
		if away, ok := v.plugFacts(o.ID); ok {
			s.kept = away.kept
		}
		s.Policy = o.QoSPolicyID
		for _, ip := range o.FixedIPs {
			s.ranges = append(s.ranges, ip.SubnetID)
		}
	}
}

// finish ends a swap after which the plug is where it is to be, or one that never
// began: routes are put back, and what stood for the plug goes.
func (v *view) finish(ctx context.Context, s *swap) error {
	s.fresh = s.old
	if away, ok := v.plugFacts(s.old); ok {
		s.From = away.From
	}
	if err := v.findRecord(s); err != nil {
		return err
	}
	if s.fresh != s.old { // a port that a swap has made and not used
		s.stubs = append(s.stubs, s.fresh)
		s.fresh = s.old
	}
	return v.tidy(ctx, *s)
}

func plugIn(f topology.Fabric, s topology.Step) (topology.Plug, bool) {
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.Port == s.Port && g.ID == s.Gateway {
				return p, true
			}
		}
	}
	return topology.Plug{}, false
}

// cut is the swap itself.
func (v *view) cut(ctx context.Context, s *swap, subnets []string) error {
	ctx = context.WithoutCancel(ctx) // between the calls there is no gateway at all
	what := "move the gateway's port to network " + string(s.to)
	if err := v.hold(ctx, *s); err != nil {
		return err
	}
	if err := v.d.takeOff(ctx, s.lean); err != nil {
		return err
	}
	if routes := v.routesThrough(*s); len(routes) > 0 {
		if _, err := extraroutes.Remove(ctx, v.d.network, s.Router, extraroutes.Opts{Routes: &routes}).Extract(); err != nil {
			return said(what, err)
		}
	}
	if s.old != "" {
		if err := v.unplug(ctx, *s); err != nil {
			return said(what, err)
		}
	}
	return said(what, v.arrive(ctx, s, subnets))
}

// tidy puts back what leans on the plug, and removes what stood for it.
func (v *view) tidy(ctx context.Context, s swap) error {
	if err := v.release(ctx, s); err != nil {
		return err
	}
	if to, there := v.network(s.to); there && s.to != s.Home && s.fresh != s.old {
		defer v.announce(ctx, to.ID, s.MAC)()
	}
	if err := v.putBack(ctx, s); err != nil {
		return err
	}
	if s.to == s.Home && len(s.Tags) > 0 {
		if _, err := attributestags.ReplaceAll(ctx, v.d.network, "ports", s.fresh, attributestags.ReplaceAllOpts{Tags: s.Tags}).Extract(); err != nil {
			return said("tag the gateway's port on network "+string(s.Home), err)
		}
	}
	if err := v.dropStrays(ctx, s); err != nil {
		return err
	}
	for _, stub := range s.stubs {
		if err := v.d.dropPort(ctx, stub); err != nil {
			return err
		}
	}
	return nil
}
