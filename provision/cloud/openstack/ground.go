package openstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"

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

// makeHost makes a port and the namespace that it is plugged into.
func (g *Ground) makeHost(ctx context.Context, h cloud.Host, on side) error {
	p, err := ports.Create(ctx, g.d.network, wanted{"network_id": on.network, "project_id": on.project, "name": h.Name,
		"fixed_ips":    []any{map[string]any{"subnet_id": on.subnet, "ip_address": h.Address.Addr().String()}},
		"device_owner": hostOwner, "device_id": g.name + " " + h.Name, "binding:host_id": g.host, "port_security_enabled": false}).Extract()
	if err != nil {
		return said("make a host's port", err)
	}
	space, link := g.Space(h.Name), link(*p)
	if err := shells([]string{"ip", "netns", "add", space}, attach(*p)); err != nil {
		return err
	}
	return g.settle(place{link, [][]string{
		{"ip", "link", "set", link, "netns", space},
		{"ip", "-n", space, "link", "set", "lo", "up"},
		{"ip", "-n", space, "link", "set", link, "address", p.MACAddress, "mtu", fmt.Sprint(wide(on.mtu)), "up"},
		{"ip", "-n", space, "addr", "replace", h.Address.String(), "dev", link},
		{"ip", "-n", space, "route", "replace", "default", "via", on.gateway.String(), "dev", link},
	}})
}

// attach is the command that gives this machine an interface of the switch.
func attach(p ports.Port) []string {
	return []string{"ovs-vsctl", "add-port", "br-int", link(p), "--", "set", "Interface", link(p), "type=internal", fmt.Sprintf("mac=%q", p.MACAddress),
		"external_ids:iface-id=" + p.ID, "external_ids:attached-mac=" + p.MACAddress, "external_ids:iface-status=active"}
}

func wide(mtu int) int {
	if mtu < 576 {
		return 1400
	}
	return mtu
}

// place is where an interface of the switch belongs on this machine.
type place struct {
	link     string
	commands [][]string // bring it there
}

// settle puts an interface in its place, and remembers where that is.
func (g *Ground) settle(p place) error {
	g.places = append(g.places, p)
	return shells(p.commands...)
}

// mend puts interfaces back: a switch that is set up anew, as some are when a first
// machine is plugged in, makes its interfaces anew where they were at first, and down.
func (g *Ground) mend() error {
	for _, p := range g.places {
		l, err := net.InterfaceByName(p.link)
		if err != nil || l.Flags&net.FlagUp != 0 {
			continue // it is in its namespace, or what it is here
		}
		if err := shells(p.commands...); err != nil {
			return err
		}
	}
	return nil
}

// link is what Nova and the Ground call a port's interface.
func link(p ports.Port) string { return "tap" + p.ID[:11] }

// Space is the name of a host's namespace.
func (g *Ground) Space(host string) string { return g.name + "-" + host }

// PublicSpace is the namespace of the host on the other side.
func (g *Ground) PublicSpace() string { return g.Space(publicHost) }

// wiredWithin is how long Neutron's agents may take to wire what was plugged in.
const wiredWithin = time.Minute

// reached waits until the hosts reach the other side.
func (g *Ground) reached(ctx context.Context, hosts []cloud.Host) error {
	for until := time.Now().Add(wiredWithin); ; {
		missing := ""
		for _, h := range hosts {
			if _, err := shell("ip", "netns", "exec", g.Space(h.Name), "ping", "-c", "1", "-W", "1", GroundPublic); err != nil {
				missing = h.Name
			}
		}
		switch {
		case missing == "":
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(until):
			return fault.New(fault.Unavailable, "host %s does not reach %s through its router within %v", missing, GroundPublic, wiredWithin)
		}
	}
}

// shell runs a program of this machine and gives what it prints.
func shell(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, clean(string(out)))
	}
	return string(out), err
}

// shells runs programs until one fails.
func shells(commands ...[]string) error {
	for _, c := range commands {
		if _, err := shell(c...); err != nil {
			return err
		}
	}
	return nil
}

// Clear removes all of the tenant's, and what was made for it, and lists what is left.
func (g *Ground) Clear(ctx context.Context) (left []string, err error) {
	err = errors.Join(g.dismiss(ctx), g.clearRouters(ctx), g.clearHosts(ctx), g.clearNetworks(ctx))
	if gone := projects.Delete(ctx, g.d.identity, string(g.Tenant)).ExtractErr(); gone != nil && !isMissing(gone) {
		err = errors.Join(err, said("delete project "+g.name, gone))
	}
	for _, q := range g.ownNetworks() {
		found, lookErr := g.d.networks(ctx, q)
		err = errors.Join(err, lookErr)
		for _, n := range found {
			left = append(left, "network "+n.ID)
		}
	}
	made, lookErr := g.d.Resources(ctx)
	for _, r := range made {
		left = append(left, r.Kind+" "+r.ID)
	}
	return left, errors.Join(err, lookErr, g.d.Close())
}

// dismiss takes services out of the path that are still there.
func (g *Ground) dismiss(ctx context.Context) error {
	have, err := g.d.Observe(ctx, g.Tenant)
	if err != nil {
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	steps, err := topology.Plan(have, topology.Base(have))
	if err != nil {
		return err
	}
	through := cloud.Steady{Cloud: g.d}
	for _, s := range steps {
		if err := through.Do(ctx, g.Tenant, s); err != nil {
			return fmt.Errorf("cannot %s: %w", s, err)
		}
	}
	return nil
}

func (g *Ground) clearRouters(ctx context.Context) error {
	pages, err := routers.List(g.d.network, routers.ListOpts{ProjectID: string(g.Tenant)}).AllPages(ctx)
	if err != nil {
		return listing("routers", err)
	}
	list, err := routers.ExtractRouters(pages)
	for _, r := range list {
		plugs, lookErr := g.d.ports(ctx, query{"device_id": {r.ID}})
		err = errors.Join(err, lookErr)
		for _, p := range plugs {
			if _, gone := routers.RemoveInterface(ctx, g.d.network, r.ID, routers.RemoveInterfaceOpts{PortID: p.ID}).Extract(); gone != nil && !isMissing(gone) {
				err = errors.Join(err, said("unplug a router", gone))
			}
		}
		if gone := routers.Delete(ctx, g.d.network, r.ID).ExtractErr(); gone != nil && !isMissing(gone) {
			err = errors.Join(err, said("delete a router", gone))
		}
	}
	return err
}

func (g *Ground) clearHosts(ctx context.Context) error {
	found, err := g.d.ports(ctx, query{"device_owner": {hostOwner}})
	for _, p := range found {
		if !strings.HasPrefix(p.DeviceID, g.name+" ") {
			continue
		}
		_, unplugged := shell("ovs-vsctl", "--if-exists", "del-port", "br-int", link(p.Port))
		err = errors.Join(err, unplugged, g.d.dropPort(ctx, p.ID))
		if p.Name != brokerPort {
			_, gone := shell("ip", "netns", "del", g.Space(p.Name))
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (g *Ground) ownNetworks() []query {
	return []query{{"project_id": {string(g.Tenant)}}, {"name": {g.beyond()}}, {"name": {g.managed()}}}
}

func (g *Ground) clearNetworks(ctx context.Context) (err error) {
	for _, q := range g.ownNetworks() {
		found, lookErr := g.d.networks(ctx, q)
		err = errors.Join(err, lookErr)
		for _, n := range found {
			if gone := networks.Delete(ctx, g.d.network, n.ID).ExtractErr(); gone != nil && !isMissing(gone) {
				err = errors.Join(err, said("delete network "+n.ID, gone))
			}
		}
	}
	return err
}
