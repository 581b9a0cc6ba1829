package openstack

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/extraroutes"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

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

// findRecord looks for what an attempt that was cut off has left.
func (v *view) findRecord(s *swap) error {
	for _, o := range v.ports {
		if o.mark.ID != string(s.plug) || o.DeviceID != "" {
			continue
		}
		was, err := facts[plugFacts](o.mark)
		if err != nil {
			return err
		}
		s.kept, s.resumed, s.recorded = was.kept, true, was.owed()
		if s.From == s.to { // where it came from is only known from here
			s.From = was.From
		}
		if at, _ := v.at(o.NetworkID); o.mark.Kind == kindPlug && at == s.to {
			s.fresh = o.ID
		} else {
			s.stubs = append(s.stubs, o.ID)
		}
	}
	return nil
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

// landing makes sure of the plug's ranges where it goes, and gives their ids.
func (v *view) landing(ctx context.Context, s swap) (ids []string, err error) {
	to, err := v.neutron(s.to)
	if err != nil {
		return nil, err
	}
	for _, a := range s.Addresses {
		id := ""
		if v.owns(to) {
			for _, o := range v.subnets {
				if o.NetworkID == to && o.CIDR == a.Masked().String() {
					id = o.ID
				}
			}
		} else if id, err = v.subnet(ctx, to, topology.Subnet{CIDR: a.Masked(), Gateway: v.gatewayOf(s.Home, a)}); err != nil {
			return nil, err
		}
		if id == "" {
			return nil, fault.New(fault.Conflict, "network %q has no range for %s any more", s.to, a)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// gatewayOf is the address that hosts of a plug's range send to.
func (v *view) gatewayOf(home topology.NetworkID, a netip.Prefix) netip.Addr {
	for _, s := range v.subnetsOf(string(home)) {
		if s.CIDR == a.Masked() {
			return s.Gateway
		}
	}
	return netip.Addr{}
}

// record leaves word of the swap in the cloud before it begins: by the port that takes
// the old one's place, where that may be made already, else by one that nobody uses.
func (v *view) record(ctx context.Context, s *swap, subnets []string) (err error) {
	switch {
	case s.fresh != "" && s.owed() > s.recorded:
		err = v.tagPlug(ctx, s.fresh, kindPlug, *s)
	case len(s.stubs) > 0 && s.owed() > s.recorded:
		err = v.tagPlug(ctx, s.stubs[0], kindSwap, *s)
	case s.fresh != "" || len(s.stubs) > 0:
	case v.early(*s):
		s.fresh, err = v.anyPlug(ctx, *s, subnets)
	default:
		var stub string
		stub, err = v.newStub(ctx, *s)
		s.stubs = append(s.stubs, stub)
	}
	return err
}

// early says whether a port with the plug's MAC may be made where the plug goes while
// the old one still carries traffic. On a network from which the plug is reached
// through an appliance it may not: some switches take the MAC to be at the new port
// at once, and all traffic is lost.
func (v *view) early(s swap) bool {
	to, ok := v.network(s.to)
	if !ok || to.mark.Kind != kindNetwork {
		return false
	}
	return !slices.ContainsFunc(v.ports, func(p port) bool {
		f, err := facts[legFacts](p.mark)
		return p.mark.Kind == kindLeg && p.NetworkID == to.ID && (err != nil || f.Leg.Role == topology.Inside)
	})
}

// newPlug makes the port that a router is to have. Away from home it carries our
// mark; at home it is the tenant's as before.
func (v *view) newPlug(ctx context.Context, s swap, subnets []string) (string, error) {
	network, err := v.neutron(s.to)
	if err != nil {
		return "", err
	}
	var ips []any
	for i, a := range s.Addresses {
		ips = append(ips, map[string]any{"subnet_id": subnets[i], "ip_address": a.Addr().String()})
	}
	w := wanted{"network_id": network, "project_id": v.project, "mac_address": s.MAC, "fixed_ips": ips, "name": s.Name, "description": s.Description}
	away := s.to != s.Home
	if v.silent(s) {
		off := "true"
		maps.Copy(w, silenced(&off))
	}
	w["port_security_enabled"] = false // as Neutron makes routers' ports itself
	if s.Policy != "" {
		w["qos_policy_id"] = s.Policy
	}
	if away {
		w["description"] = v.d.description(kindPlug, v.tenant, string(s.plug))
	}
	made, err := whole(ports.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said("make the gateway's port on network "+string(s.to), err)
	}
	if away {
		err = v.tagPlug(ctx, made.ID, kindPlug, s)
	}
	return made.ID, err
}

// anyPlug is the port that an attempt cut off has made, with its mark, or a new one.
func (v *view) anyPlug(ctx context.Context, s swap, subnets []string) (string, error) {
	to, err := v.neutron(s.to)
	if err != nil {
		return "", err
	}
	found, err := v.d.ports(ctx, query{"network_id": {to}, "mac_address": {s.MAC}, "project_id": {v.project}})
	if err != nil {
		return "", err
	}
	for _, p := range found {
		if p.DeviceID == "" && s.to != s.Home {
			return p.ID, v.tagPlug(ctx, p.ID, kindPlug, s)
		}
		if p.DeviceID == "" {
			return p.ID, nil
		}
	}
	return v.newPlug(ctx, s, subnets)
}

// newStub makes a port without address on the network of ours that the plug leaves,
// or goes to.
func (v *view) newStub(ctx context.Context, s swap) (string, error) {
	at := s.From
	if at == s.Home {
		at = s.to
	}
	network, err := v.neutron(at)
	if err != nil {
		return "", err
	}
	w := wanted{"network_id": network, "name": "a gateway's plug on its way", "fixed_ips": []any{}, "admin_state_up": false,
		"description": v.d.description(kindSwap, v.tenant, string(s.plug))}
	made, err := whole(ports.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said("record a swap", err)
	}
	return made.ID, v.tagPlug(ctx, made.ID, kindSwap, s)
}

func (v *view) tagPlug(ctx context.Context, port string, k kind, s swap) error {
	m, err := newMark(k, v.tenant, string(s.plug), s.plugFacts)
	if err != nil {
		return err
	}
	return v.d.tag(ctx, "ports", port, v.project, m)
}

// routesThrough are the router's extra routes by way of the plug's ranges, which
// Neutron wants gone before the port goes.
func (v *view) routesThrough(s swap) (list []routers.Route) {
	for _, r := range v.routers {
		if r.ID != s.Router {
			continue
		}
		for _, route := range r.Routes {
			hop, err := netip.ParseAddr(route.NextHop)
			if err == nil && slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(hop) }) {
				list = append(list, route)
			}
		}
	}
	return list
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

// unplug takes the port from the router. One that is said not to be there is looked for:
// where the router has it still, another one in the same range is refused.
func (v *view) unplug(ctx context.Context, s swap) error {
	_, err := routers.RemoveInterface(ctx, v.d.network, s.Router, routers.RemoveInterfaceOpts{PortID: s.old}).Extract()
	if !isMissing(err) {
		return err
	}
	p, lookErr := whole(ports.Get(ctx, v.d.network, s.old).Extract())
	if isMissing(lookErr) {
		return nil
	}
	if lookErr == nil && p.DeviceID == s.Router {
		lookErr = &fault.Error{Kind: fault.Unavailable, Message: "the cloud does not find the gateway's port, which is there", Err: err}
	}
	return lookErr
}

// arrive gives the router its port where the plug goes. Only after an attempt that was
// cut off does it look for that port first: traffic waits.
func (v *view) arrive(ctx context.Context, s *swap, subnets []string) (err error) {
	if s.fresh == "" && s.old == "" {
		s.fresh, err = v.anyPlug(ctx, *s, subnets)
	} else if s.fresh == "" {
		s.fresh, err = v.newPlug(ctx, *s, subnets)
	}
	if err != nil {
		return err
	}
	_, err = routers.AddInterface(ctx, v.d.network, s.Router, routers.AddInterfaceOpts{PortID: s.fresh}).Extract()
	return err
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

// dropStrays removes the ports that a swap has made and not used, when it is undone: on
// a segment found by their description, for the mark may be missing; at home by their
// MAC, for there the port was to be the tenant's again.
func (v *view) dropStrays(ctx context.Context, s swap) error {
	if !s.resumed || len(s.stubs) == 0 {
		return nil
	}
	strays := []query{{"description": {v.d.description(kindPlug, v.tenant, string(s.plug))}, "project_id": {v.project}}}
	if s.to != s.Home {
		strays = append(strays, query{"network_id": {string(s.Home)}, "mac_address": {s.MAC}, "project_id": {v.project}})
	}
	for _, q := range strays {
		found, err := v.d.ports(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range found {
			if p.DeviceID != "" || p.ID == s.fresh {
				continue
			}
			if err := v.d.dropPort(ctx, p.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// putBack gives the router the routes that had to go, and hosts their floating IPs, and
// forgets them, so that what the tenant takes away later stays away.
func (v *view) putBack(ctx context.Context, s swap) error {
	if s.owed() == 0 {
		return nil
	}
	if len(s.Routes) > 0 {
		if _, err := extraroutes.Add(ctx, v.d.network, s.Router, extraroutes.Opts{Routes: &s.Routes}).Extract(); err != nil {
			return said("put back the gateway's routes through network "+string(s.Home), err)
		}
	}
	if len(s.Leaning) > 0 {
		if err := v.payBack(ctx, &s); err != nil {
			return err
		}
		if err := v.unburden(ctx, s); err != nil {
			return err
		}
	}
	if s.to == s.Home {
		return nil // the record goes
	}
	s.Routes = nil
	return v.tagPlug(ctx, s.fresh, kindPlug, s)
}

// owed is how much had to be taken off and is to be put back.
func (k kept) owed() int { return len(k.Routes) + len(k.Leaning) }
