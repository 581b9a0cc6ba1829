package openstack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A bed is an OpenStack in which tenants have networks and hosts. Here they have the
// names that the suite gives them, and in Neutron and Keystone ids of their own: a
// bed translates.
type bed struct {
	cloud.Cloud
	d    *Driver
	wire wire

	mu       sync.Mutex
	tenants  map[topology.TenantID]topology.TenantID   // the suite's to the project's id
	networks map[topology.NetworkID]topology.NetworkID // the suite's to Neutron's
}

// wire is what makes a host out of a port, and says which way packets go.
type wire interface {
	plug(b *bed, p ports.Port, address netip.Prefix, gateway netip.Addr) error
	unplug(p ports.Port)
	booted(b *bed, f topology.Fabric) error
	trace(b *bed, f topology.Fabric, from ports.Port, host cloud.Host, to netip.Addr) ([]topology.ApplianceID, bool, error)
}

// complete is a driver on a cloud where nothing is missing: that is not the suite's to
// find out.
type complete struct{ *Steady }

func (complete) Check(context.Context) []cloud.Problem { return nil }

// newBed is a bed with a project for each of the suite's tenants.
func newBed(t *testing.T, d *Driver, w wire, tenants ...string) *bed {
	b := &bed{Cloud: complete{steady(d)}, d: d, wire: w, tenants: map[topology.TenantID]topology.TenantID{}, networks: map[topology.NetworkID]topology.NetworkID{}}
	for _, name := range tenants {
		p, err := projects.Create(t.Context(), d.identity, projects.CreateOpts{Name: d.scope + "-" + name}).Extract()
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, projects.Delete(context.WithoutCancel(t.Context()), d.identity, p.ID).ExtractErr())
		})
		b.tenants[topology.TenantID(name)] = topology.TenantID(p.ID)
	}
	return b
}

// clear removes the tenants' own networks, with which their hosts and routers go.
func (b *bed) clear(ctx context.Context, t *testing.T) {
	for tenant := range b.tenants {
		f, err := b.Observe(ctx, tenant)
		if err != nil {
			require.ErrorIs(t, err, fault.NotFound)
		}
		for _, n := range f.Networks {
			require.NoError(t, b.DeleteNetwork(ctx, tenant, n.ID))
		}
	}
}

// project is a tenant's, or the name of one that is not there.
func (b *bed) project(t topology.TenantID) topology.TenantID {
	if p, ok := b.tenants[t]; ok {
		return p
	}
	return "nobody-" + t
}

// translate replaces ids, there or back, in whatever holds any.
func translate[T any](b *bed, in T, there bool) (out T) {
	raw, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	text := string(raw)
	change := func(ours, theirs string) {
		if !there {
			ours, theirs = theirs, ours
		}
		text = strings.ReplaceAll(text, `"`+ours+`"`, `"`+theirs+`"`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for ours, theirs := range b.tenants {
		if !there { // what a step names is no tenant
			change(string(ours), string(theirs))
		}
	}
	for ours, theirs := range b.networks {
		change(string(ours), string(theirs))
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		panic(err)
	}
	return out
}

func (b *bed) Observe(ctx context.Context, t topology.TenantID) (topology.Fabric, error) {
	f, err := b.Cloud.Observe(ctx, b.project(t))
	if err != nil {
		return f, err
	}
	return topology.Settle(translate(b, f, false)), nil
}

func (b *bed) Do(ctx context.Context, t topology.TenantID, s topology.Step) error {
	if err := b.Cloud.Do(ctx, b.project(t), translate(b, s, true)); err != nil {
		return err
	}
	if s.Verb == topology.Move {
		return b.patch(ctx, t)
	}
	return nil
}

func (b *bed) Boot(ctx context.Context, t topology.TenantID, a topology.Appliance, s cloud.Server) error {
	if err := b.Cloud.Boot(ctx, b.project(t), translate(b, a, true), s); err != nil {
		return err
	}
	return b.patch(ctx, t)
}

// patch has appliances that run forward.
func (b *bed) patch(ctx context.Context, t topology.TenantID) error {
	f, err := b.d.Observe(ctx, b.project(t))
	if err != nil {
		return err
	}
	return b.wire.booted(b, f)
}

func (b *bed) Probe(ctx context.Context, t topology.TenantID, a topology.ApplianceID) (cloud.Pulse, error) {
	return b.Cloud.Probe(ctx, b.project(t), a)
}

func (b *bed) Counters(ctx context.Context, t topology.TenantID, a topology.ApplianceID) ([]topology.Counter, error) {
	counts, _ := cloud.CountingOf(b.Cloud)
	return counts.Counters(ctx, b.project(t), a)
}

func (b *bed) Resources(ctx context.Context) ([]cloud.Resource, error) {
	list, err := b.Cloud.Resources(ctx)
	return translate(b, list, false), err
}

func (b *bed) CreateNetwork(ctx context.Context, t topology.TenantID, n topology.Network, gateways ...string) error {
	gateways, err := cloud.Gateways(gateways)
	if err != nil {
		return err
	}
	f, err := b.Observe(ctx, t)
	if err == nil {
		for _, o := range f.Networks {
			switch same := slices.Equal(o.Subnets, n.Subnets) && slices.Equal(cloud.Plugged(f, o), gateways); {
			case o.ID == n.ID && same:
				return nil
			case o.ID == n.ID:
				return fault.New(fault.Conflict, "network %q is there with other content", n.ID)
			}
		}
	}
	project := string(b.project(t))
	made, err := networks.Create(ctx, b.d.network, networks.CreateOpts{Name: n.Name, ProjectID: project}).Extract()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.networks[n.ID] = topology.NetworkID(made.ID)
	b.mu.Unlock()
	var ids []string
	dhcp := false
	for _, s := range n.Subnets {
		gateway := s.Gateway.String()
		made, err := subnets.Create(ctx, b.d.network, wanted{"network_id": made.ID, "project_id": project, "cidr": s.CIDR.String(),
			"ip_version": version(s.CIDR), "gateway_ip": gateway, "enable_dhcp": dhcp}).Extract()
		if err != nil {
			return err
		}
		ids = append(ids, made.ID)
	}
	for place, name := range gateways {
		if err := b.plugIn(ctx, project, name, made.ID, n, place, ids); err != nil {
			return err
		}
	}
	return nil
}

// plugIn gives a router of a name, made if need be, ports on a network: of each at
// most one range of version 4, as Neutron wants it.
func (b *bed) plugIn(ctx context.Context, project, name, network string, n topology.Network, place int, ids []string) error {
	router, err := b.router(ctx, project, name)
	if err != nil {
		return err
	}
	addresses, err := cloud.PlugAddresses(n, place)
	if err != nil {
		return err
	}
	var groups [][]any
	for i, a := range addresses {
		ip := map[string]any{"subnet_id": ids[i], "ip_address": a.Addr().String()}
		if a.Addr().Is4() || len(groups) == 0 {
			groups = append(groups, []any{ip})
		} else {
			groups[0] = append(groups[0], ip)
		}
	}
	for _, ips := range groups {
		p, err := ports.Create(ctx, b.d.network, wanted{"network_id": network, "project_id": project, "fixed_ips": ips, "port_security_enabled": false}).Extract()
		if err != nil {
			return err
		}
		if _, err := routers.AddInterface(ctx, b.d.network, router, routers.AddInterfaceOpts{PortID: p.ID}).Extract(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) router(ctx context.Context, project, name string) (string, error) {
	pages, err := routers.List(b.d.network, routers.ListOpts{ProjectID: project, Name: name}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	list, err := routers.ExtractRouters(pages)
	if err != nil {
		return "", err
	}
	if len(list) > 0 {
		return list[0].ID, nil
	}
	r, err := routers.Create(ctx, b.d.network, routers.CreateOpts{Name: name, ProjectID: project}).Extract()
	if err != nil {
		return "", err
	}
	return r.ID, nil
}

// theirs is Neutron's id of a network.
func (b *bed) theirs(id topology.NetworkID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.networks[id])
}

func (b *bed) DeleteNetwork(ctx context.Context, t topology.TenantID, id topology.NetworkID) error {
	f, err := b.Observe(ctx, t)
	i := slices.IndexFunc(f.Networks, func(n topology.Network) bool { return n.ID == id })
	if err != nil || i < 0 {
		return nil // not there for this tenant
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.At == id || slices.Contains(l.Serves, id) {
				return fault.New(fault.Conflict, "services are stitched into network %q", id)
			}
		}
	}
	if slices.ContainsFunc(f.Redirects, func(r topology.Redirect) bool { return r.Network == id }) {
		return fault.New(fault.Conflict, "flows of network %q are redirected", id)
	}
	network := b.theirs(id)
	found, err := b.d.ports(ctx, query{"network_id": {network}})
	if err != nil {
		return err
	}
	for _, p := range found {
		if strings.HasPrefix(p.DeviceOwner, "network:router") {
			if err := put(ctx, b.d, "routers/"+p.DeviceID, map[string]any{"router": map[string]any{"routes": []any{}}}); err != nil {
				return err
			}
			if _, err := routers.RemoveInterface(ctx, b.d.network, p.DeviceID, routers.RemoveInterfaceOpts{PortID: p.ID}).Extract(); err != nil {
				return err
			}
			if left, err := b.d.ports(ctx, query{"device_id": {p.DeviceID}}); err == nil && len(left) == 0 {
				if err := routers.Delete(ctx, b.d.network, p.DeviceID).ExtractErr(); err != nil {
					return err
				}
			}
			continue
		}
		b.wire.unplug(p.Port)
		if err := b.d.dropPort(ctx, p.ID); err != nil {
			return err
		}
	}
	if err := networks.Delete(ctx, b.d.network, network).ExtractErr(); err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.networks, id)
	b.mu.Unlock()
	return nil
}

// put changes a thing of Neutron's.
func put(ctx context.Context, d *Driver, path string, body any) error {
	_, err := d.network.Put(ctx, d.network.ServiceURL(strings.Split(path, "/")...), body, nil, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	return err
}

func (b *bed) CreateHost(ctx context.Context, t topology.TenantID, h cloud.Host) error {
	f, err := b.Observe(ctx, t)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(f.Networks, func(n topology.Network) bool { return n.ID == h.Network })
	if i < 0 {
		return fault.New(fault.NotFound, "tenant %q has no network %q", t, h.Network)
	}
	if _, _, err := b.host(ctx, t, h.Name); err == nil {
		return nil
	}
	n := f.Networks[i]
	network := b.theirs(h.Network)
	pages, err := subnets.List(b.d.network, subnets.ListOpts{NetworkID: network}).AllPages(ctx)
	if err != nil {
		return err
	}
	ranges, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return err
	}
	for _, s := range ranges {
		if s.CIDR != h.Address.Masked().String() {
			continue
		}
		p, err := ports.Create(ctx, b.d.network, wanted{"network_id": network, "project_id": string(b.project(t)), "name": h.Name, "port_security_enabled": false,
			"fixed_ips": []any{map[string]any{"subnet_id": s.ID, "ip_address": h.Address.Addr().String()}}, "device_owner": "compute:bed", "device_id": h.Name, "binding:host_id": "lab"}).Extract()
		if err != nil {
			return said("make a host", err)
		}
		at := slices.IndexFunc(n.Subnets, func(o topology.Subnet) bool { return o.CIDR == h.Address.Masked() })
		return b.wire.plug(b, *p, h.Address, n.Subnets[at].Gateway)
	}
	return fault.New(fault.Invalid, "%s is in no range of network %q", h.Address, h.Network)
}

func (b *bed) Hosts(ctx context.Context, t topology.TenantID) (list []cloud.Host, err error) {
	found, err := b.d.ports(ctx, query{"project_id": {string(b.project(t))}, "device_owner": {"compute:bed"}})
	for _, p := range found {
		list = append(list, b.hostOf(p.Port))
	}
	return list, err
}

func (b *bed) hostOf(p ports.Port) (h cloud.Host) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h.Name = p.Name
	for ours, theirs := range b.networks {
		if string(theirs) == p.NetworkID {
			h.Network = ours
		}
	}
	address := netip.MustParseAddr(p.FixedIPs[0].IPAddress)
	bits := 24
	if address.Is6() {
		bits = 64
	}
	h.Address = netip.PrefixFrom(address, bits)
	return h
}

func (b *bed) host(ctx context.Context, t topology.TenantID, name string) (ports.Port, cloud.Host, error) {
	found, err := b.d.ports(ctx, query{"project_id": {string(b.project(t))}, "device_owner": {"compute:bed"}, "name": {name}})
	if err != nil {
		return ports.Port{}, cloud.Host{}, err
	}
	if len(found) == 0 {
		return ports.Port{}, cloud.Host{}, fault.New(fault.NotFound, "there is no host %q", name)
	}
	return found[0].Port, b.hostOf(found[0].Port), nil
}

func (b *bed) Trace(ctx context.Context, t topology.TenantID, host string) ([]topology.ApplianceID, bool, error) {
	return b.TraceTo(ctx, t, host, cloud.Target{})
}

func (b *bed) TraceTo(ctx context.Context, t topology.TenantID, host string, to cloud.Target) ([]topology.ApplianceID, bool, error) {
	p, h, err := b.host(ctx, t, host)
	if err != nil {
		return nil, false, err
	}
	f, err := b.Cloud.Observe(ctx, b.project(t))
	if err != nil {
		return nil, false, err
	}
	target := netip.Addr{}
	if to.Host != "" {
		_, other, err := b.host(ctx, t, to.Host)
		if err != nil {
			return nil, false, err
		}
		target = other.Address.Addr()
	}
	for _, n := range f.Networks {
		for _, s := range n.Subnets {
			if string(n.ID) == p.NetworkID && s.CIDR.Contains(h.Address.Addr()) && !target.IsValid() {
				target = s.Gateway
			}
		}
	}
	return b.wire.trace(b, f, p, h, target)
}
