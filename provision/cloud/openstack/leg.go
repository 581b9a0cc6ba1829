package openstack

import (
	"context"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/attachinterfaces"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// makeLeg makes an appliance's port. One that waits unused is on a network of its
// own: a server has its NICs from its start, in their order, and two unused ones on
// the same network would be a loop through the appliance.
func (v *view) makeLeg(ctx context.Context, a topology.Appliance, l topology.Leg) error {
	a.Legs, a.Booted, a.Start = nil, false, 0
	found, err := v.legPorts(ctx, l.Port)
	if err != nil {
		return err
	}
	f := legFacts{Appliance: a, Leg: l}
	switch {
	case len(found) == 0:
		_, err = v.newLeg(ctx, f, l.At)
	case found[0].mark.ID != string(l.Port):
		err = v.tagLeg(ctx, found[0].ID, f)
	}
	if err != nil {
		return err
	}
	return v.load(ctx, l.Role, l.At)
}

// legPorts are the ports of a leg: one, or two while it moves.
func (v *view) legPorts(ctx context.Context, leg topology.PortID) ([]port, error) {
	return v.d.ports(ctx, query{"description": {v.d.description(kindLeg, v.tenant, string(leg))}, "project_id": {v.d.project}})
}

// newLeg makes a port for a leg on a network, or where it waits unused.
func (v *view) newLeg(ctx context.Context, f legFacts, at topology.NetworkID) (string, error) {
	network, err := v.place(ctx, f, at)
	if err != nil {
		return "", err
	}
	w := wanted{
		"network_id": network, "name": f.Appliance.Name + " " + string(f.Leg.Role), "mac_address": f.Leg.MAC,
		"description": v.d.description(kindLeg, v.tenant, string(f.Leg.Port)), "fixed_ips": []any{},
	}
	if f.Leg.Role != topology.Management {
		w["port_security_enabled"] = false // it carries others' addresses
	}
	if n, ok := v.network(at); ok && n.group != "" {
		w["security_groups"] = []string{n.group}
	}
	if at != "" && f.Leg.Address.IsValid() {
		subnet, err := v.subnet(ctx, network, topology.Subnet{CIDR: f.Leg.Address.Masked()})
		if err != nil {
			return "", err
		}
		w["fixed_ips"] = []any{map[string]any{"subnet_id": subnet, "ip_address": f.Leg.Address.Addr().String()}}
	}
	made, err := whole(ports.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said("make port "+string(f.Leg.Port), err)
	}
	return made.ID, v.tagLeg(ctx, made.ID, f)
}

// place is the network in Neutron that a leg is to be plugged into.
func (v *view) place(ctx context.Context, f legFacts, at topology.NetworkID) (string, error) {
	if at != "" {
		return v.neutron(at)
	}
	m, err := newMark(kindParking, v.tenant, string(f.Leg.Port), nil)
	if err != nil {
		return "", err
	}
	return v.ensure(ctx, m, f.Appliance.Name+" unused "+string(f.Leg.Port), 0)
}

func (v *view) tagLeg(ctx context.Context, port string, f legFacts) error {
	m, err := newMark(kindLeg, v.tenant, string(f.Leg.Port), f)
	if err != nil {
		return err
	}
	return v.d.tag(ctx, "ports", port, v.project, m)
}

// removeLeg removes an appliance's port, and where it waited unused.
func (v *view) removeLeg(ctx context.Context, leg topology.PortID) error {
	found, err := v.legPorts(ctx, leg)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := v.unload(ctx, p); err != nil {
			return err
		}
		if err := v.d.dropPort(ctx, p.ID); err != nil {
			return err
		}
	}
	return v.dropNetworks(ctx, kindParking, string(leg))
}

// moveLeg plugs an appliance's port into another network. A port of Neutron's stays
// on its network, so another one with the same MAC takes its place, under the
// running server too, which sees its NIC go and come back.
func (v *view) moveLeg(ctx context.Context, s topology.Step) error {
	found, err := v.legPorts(ctx, s.Port)
	if err != nil {
		return err
	}
	var old port
	for _, p := range found {
		if p.mark.ID != "" && (old.ID == "" || before(p, old)) {
			old = p
		}
	}
	if old.ID == "" {
		return fault.New(fault.NotFound, "tenant %q has no port %q", v.tenant, s.Port)
	}
	f, err := facts[legFacts](old.mark)
	if err != nil {
		return err
	}
	fresh, err := v.nextLeg(ctx, found, old, f, s)
	if err != nil {
		return err
	}
	if fresh != old.ID {
		if err := v.unload(ctx, old); err != nil {
			return err
		}
		if err := v.exchange(ctx, f.Appliance.ID, old.ID, fresh); err != nil {
			return err
		}
		if err := v.d.dropPort(ctx, old.ID); err != nil {
			return err
		}
	}
	if s.To == "" {
		return nil
	}
	if err := v.load(ctx, f.Leg.Role, s.To); err != nil {
		return err
	}
	if err := v.dropNetworks(ctx, kindParking, string(s.Port)); err != nil {
		return err
	}
	if f.Leg.Pair > 0 {
		v.announceAll(ctx)
	}
	return nil
}

// nextLeg is the port that is to take an old one's place: the one that an attempt cut
// off has left, or a new one.
func (v *view) nextLeg(ctx context.Context, found []port, old port, f legFacts, s topology.Step) (string, error) {
	if at, _ := v.at(old.NetworkID); at == s.To {
		for _, p := range found { // what is left behind it was the old one
			if p.ID != old.ID {
				if err := v.d.dropPort(ctx, p.ID); err != nil {
					return "", err
				}
			}
		}
		return old.ID, nil
	}
	f.Turn++
	for _, p := range found {
		if at, known := v.at(p.NetworkID); known && at == s.To && p.ID != old.ID {
			return p.ID, v.tagLeg(ctx, p.ID, f)
		}
	}
	return v.newLeg(ctx, f, s.To)
}

// exchange takes one port from an appliance's server and gives it another, if it has
// a server.
func (v *view) exchange(ctx context.Context, a topology.ApplianceID, old, fresh string) error {
	for _, s := range v.serversOf(a) {
		what := "move a port of " + s.Name
		err := attachinterfaces.Delete(ctx, v.d.compute, s.ID, old).ExtractErr()
		if err := dropped(what, err, func() error { return attachinterfaces.Get(ctx, v.d.compute, s.ID, old).Err }); err != nil {
			return err
		}
		if err := v.d.released(ctx, old); err != nil {
			return err
		}
		if _, err := attachinterfaces.Create(ctx, v.d.compute, s.ID, attachinterfaces.CreateOpts{PortID: fresh}).Extract(); err != nil {
			return said(what, err)
		}
	}
	return nil
}

// released waits until Nova has let go of a port, which it does after it answered.
func (d *Driver) released(ctx context.Context, id string) error {
	return d.until(ctx, "take port "+id+" from its server", func() (bool, error) {
		p, err := whole(ports.Get(ctx, d.network, id).Extract())
		if isMissing(err) {
			return true, nil
		}
		return err == nil && p.DeviceID == "", err
	})
}

// A wait for the cloud to finish what it has begun looks every so often, and ends
// after a while: the step is tried again then.
const (
	lookEvery = 300 * time.Millisecond
	waitMost  = 3 * time.Minute
)

func (d *Driver) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, waitMost)
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil && ctx.Err() == nil {
			return said(what, err)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the cloud takes too long", Err: ctx.Err()}
		}
	}
}

// gone waits until a server is no more.
func (d *Driver) gone(ctx context.Context, id string) error {
	return d.until(ctx, "delete server "+id, func() (bool, error) {
		_, err := servers.Get(ctx, d.compute, id).Extract()
		if isMissing(err) {
			return true, nil
		}
		return false, err
	})
}
