package openstack

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A Ground is a tenant for demonstrations on an OpenStack whose switch is this
// machine's: a project with a network behind a router, and a network on the router's
// other side. Its hosts are network namespaces here, so that whoever is root can send
// packets as they. It needs an administrator's account, Open vSwitch and the ip command.
type Ground struct {
	Tenant  topology.TenantID  // the project
	Network topology.NetworkID // the one behind the router
	Guests  bool               // servers are machines that run what they boot

	d      *Driver
	name   string
	host   string // as Neutron calls this machine
	places []place
}

// The Ground's addresses.
const (
	GroundNetwork = "10.20.0.0/24"
	GroundPublic  = "203.0.113.10" // a host on the other side (RFC 5737)
	groundBeyond  = "203.0.113.0/24"
	publicHost    = "public"
)

// hostOwner is the owner of the Ground's hosts' ports.
const hostOwner = "compute:bumpwire"

// NewGround signs in and makes the project, by a name of its own; Clear removes it also
// after an error, if what is returned is not nil.
func NewGround(ctx context.Context, o Options, name string) (*Ground, error) {
	d, err := newDriver(ctx, o)
	if err != nil {
		return nil, err
	}
	g := &Ground{d: d, name: name}
	if g.host, err = d.thisMachine(ctx); err != nil {
		return nil, err
	}
	if g.Guests, err = d.hasGuests(ctx); err != nil {
		return nil, err
	}
	p, err := projects.Create(ctx, d.identity, projects.CreateOpts{Name: name, DomainID: d.domain}).Extract()
	if err != nil {
		return nil, said("make a project for the demonstration", err)
	}
	g.Tenant = topology.TenantID(p.ID)
	return g, nil
}

// thisMachine is what Neutron calls the machine with the switch.
func (d *Driver) thisMachine(ctx context.Context) (string, error) {
	if _, err := shell("ovs-vsctl", "br-exists", "br-int"); err != nil {
		return "", fault.New(fault.Unavailable, "this machine has no switch of an OpenStack (br-int of Open vSwitch); the demonstration sends its packets there")
	}
	var list struct { // gophercloud cannot read the heartbeats that ML2/OVN tells
		Agents []struct {
			Binary, Host string
			Alive        bool
		}
	}
	if _, err := d.network.Get(ctx, d.network.ServiceURL("agents"), &list, nil); err != nil {
		return "", listing("Neutron's agents", err)
	}
	var hosts []string
	for _, a := range list.Agents {
		switching := a.Binary == "neutron-openvswitch-agent" || a.Binary == "ovn-controller"
		if switching && a.Alive && !slices.Contains(hosts, a.Host) {
			hosts = append(hosts, a.Host)
		}
	}
	if len(hosts) == 1 {
		return hosts[0], nil
	}
	own, err := shell("hostname")
	if i := slices.Index(hosts, strings.TrimSpace(own)); err == nil && i >= 0 {
		return hosts[i], nil
	}
	return "", fault.New(fault.Unavailable, "Neutron has %d machines with a switch, and none of them has this machine's name", len(hosts))
}

// Build makes the networks, the router, and the hosts.
func (g *Ground) Build(ctx context.Context, hosts ...cloud.Host) error {
	router, err := routers.Create(ctx, g.d.network, routers.CreateOpts{Name: "gateway", ProjectID: string(g.Tenant)}).Extract()
	if err != nil {
		return said("make a router", err)
	}
	behind, err := g.makeSide(ctx, "lan", string(g.Tenant), GroundNetwork, router.ID)
	if err != nil {
		return err
	}
	beyond, err := g.makeSide(ctx, g.beyond(), g.d.project, groundBeyond, router.ID)
	if err != nil {
		return err
	}
	g.Network = topology.NetworkID(behind.network)
	for _, h := range hosts {
		if err := g.makeHost(ctx, h, behind); err != nil {
			return err
		}
	}
	public := cloud.Host{Name: publicHost, Address: netip.PrefixFrom(netip.MustParseAddr(GroundPublic), 24)}
	if err := g.makeHost(ctx, public, beyond); err != nil {
		return err
	}
	return g.reached(ctx, hosts)
}

func (g *Ground) beyond() string { return g.name + " beyond" }

// side is a network that the router is plugged into.
type side struct {
	network, subnet, project string
	gateway                  netip.Addr
	mtu                      int
}

func (g *Ground) makeSide(ctx context.Context, name, project, cidr, router string) (s side, err error) {
	s = side{project: project, gateway: netip.MustParsePrefix(cidr).Addr().Next()}
	n, err := networks.Create(ctx, g.d.network, wanted{"name": name, "project_id": project}).Extract()
	if err != nil {
		return s, said("make a network", err)
	}
	s.network = n.ID
	found, err := g.d.networks(ctx, query{"id": {n.ID}})
	if err != nil {
		return s, err
	}
	if len(found) == 1 {
		s.mtu = found[0].MTU
	}
	made, err := subnets.Create(ctx, g.d.network, wanted{"network_id": n.ID, "project_id": project, "cidr": cidr, "ip_version": 4,
		"gateway_ip": s.gateway.String(), "enable_dhcp": false}).Extract()
	if err != nil {
		return s, said("make a range", err)
	}
	s.subnet = made.ID
	plug, err := ports.Create(ctx, g.d.network, wanted{"network_id": n.ID, "project_id": project, "fixed_ips": []any{
		map[string]any{"subnet_id": s.subnet, "ip_address": s.gateway.String()}}}).Extract()
	if err != nil {
		return s, said("make a router's port", err)
	}
	_, err = routers.AddInterface(ctx, g.d.network, router, routers.AddInterfaceOpts{PortID: plug.ID}).Extract()
	return s, said("plug a router in", err)
}
