package openstack

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// plugFacts are those of a router's port that is not at home, and of what stands for
// it while it is at neither end.
type plugFacts struct {
	Router    string             `json:"r"`
	Home      topology.NetworkID `json:"h"`
	From      topology.NetworkID `json:"f"` // where it was before it came here
	MAC       string             `json:"m"`
	Addresses []netip.Prefix     `json:"a"`
	kept
}

// kept is what the tenant has with a plug, to be put back with it.
type kept struct {
	Name        string          `json:"n,omitempty"`
	Description string          `json:"d,omitempty"`
	Tags        []string        `json:"t,omitempty"`
	Policy      string          `json:"q,omitempty"` // of quality of service; away from home it applies, too
	Routes      []routers.Route `json:"x,omitempty"` // by way of its ranges
	Leaning     []leaning       `json:"l,omitempty"` // floating IPs of hosts behind it
}

// legFacts are those of an appliance's port. Of several ports of one leg the one that
// a server has is the leg, and otherwise the one of the lowest turn.
type legFacts struct {
	Appliance topology.Appliance `json:"a"`
	Leg       topology.Leg       `json:"l"`
	Turn      int                `json:"n,omitempty"`
}

// Observe reads a tenant's fabric from Neutron and Nova. See cloud.Cloud.
func (d *Driver) Observe(ctx context.Context, tenant topology.TenantID) (topology.Fabric, error) {
	_, f, err := d.observe(ctx, tenant)
	return f, err
}

func (d *Driver) observe(ctx context.Context, tenant topology.TenantID) (*view, topology.Fabric, error) {
	v, err := d.look(ctx, tenant)
	if err != nil {
		return nil, topology.Fabric{}, err
	}
	f, err := v.fabric()
	if err == nil && isEmpty(f) {
		return v, topology.Fabric{}, fault.New(fault.NotFound, "tenant %q has no networks here", tenant)
	}
	return v, f, err
}

func isEmpty(f topology.Fabric) bool { return len(f.Networks)+len(f.Appliances) == 0 }

func (v *view) fabric() (f topology.Fabric, err error) {
	f.Tenant = v.tenant
	if f.Networks, err = v.fabricNetworks(); err != nil {
		return f, err
	}
	if f.Gateways, err = v.gateways(); err != nil {
		return f, err
	}
	if f.Appliances, err = v.appliances(); err != nil {
		return f, err
	}
	if f.Redirects, err = v.redirects(f); err != nil {
		return f, err
	}
	return topology.Settle(f), nil
}

func (v *view) fabricNetworks() (list []topology.Network, err error) {
	for _, n := range v.own {
		list = append(list, topology.Network{ID: topology.NetworkID(n.ID), Name: n.Name, Role: topology.RoleTenant, Subnets: v.subnetsOf(n.ID)})
	}
	for _, n := range v.made {
		if n.mark.Kind != kindNetwork {
			continue
		}
		made, err := facts[topology.Network](n.mark)
		if err != nil {
			return nil, err
		}
		list = append(list, made)
	}
	return list, nil
}

// subnetsOf are a tenant network's ranges, version 4 first and lower ones first.
func (v *view) subnetsOf(network string) (list []topology.Subnet) {
	for _, s := range v.subnets {
		cidr, err := netip.ParsePrefix(s.CIDR)
		if s.NetworkID != network || err != nil {
			continue
		}
		gateway, _ := netip.ParseAddr(s.GatewayIP) // invalid: it has none
		list = append(list, topology.Subnet{CIDR: cidr, Gateway: gateway})
	}
	slices.SortFunc(list, func(a, b topology.Subnet) int { return a.CIDR.Addr().Compare(b.CIDR.Addr()) })
	return list
}

// gateways are the tenant's routers that have a plug in a network of its own.
func (v *view) gateways() (list []topology.Gateway, err error) {
	for _, r := range v.routers {
		g := topology.Gateway{ID: topology.GatewayID(r.ID), Name: r.Name}
		if g.Plugs, err = v.plugsOf(r.ID); err != nil {
			return nil, err
		}
		if len(g.Plugs) > 0 {
			list = append(list, g)
		}
	}
	return list, nil
}

// plugsOf are a router's plugs, those included that are on their way: they count as
// where they came from.
func (v *view) plugsOf(router string) (list []topology.Plug, err error) {
	for _, p := range v.plugs {
		at, known := v.at(p.NetworkID)
		if p.DeviceID != router || !known {
			continue
		}
		home := at
		if !v.owns(p.NetworkID) {
			f, ok := v.plugFacts(p.ID)
			if !ok {
				continue
			}
			home = f.Home
		}
		list = append(list, topology.Plug{Port: plugID(home, p.MACAddress), Home: home, At: at, MAC: p.MACAddress, Addresses: v.addresses(home, p.Port)})
	}
	for _, p := range v.ports {
		if p.mark.Kind != kindPlug && p.mark.Kind != kindSwap || p.DeviceID != "" {
			continue
		}
		f, err := facts[plugFacts](p.mark)
		if err != nil {
			return nil, err
		}
		id := plugID(f.Home, f.MAC)
		if f.Router == router && !slices.ContainsFunc(list, func(o topology.Plug) bool { return o.Port == id }) {
			list = append(list, topology.Plug{Port: id, Home: f.Home, At: f.From, MAC: f.MAC, Addresses: f.Addresses})
		}
	}
	return list, nil
}

// plugFacts are those of a port of a router's that is away from home.
func (v *view) plugFacts(port string) (plugFacts, bool) {
	for _, p := range v.ports {
		if p.ID == port && p.mark.Kind == kindPlug {
			f, err := facts[plugFacts](p.mark)
			return f, err == nil
		}
	}
	return plugFacts{}, false
}

// plugID names a plug for as long as it lives: its port in Neutron is another
// wherever it is plugged in, its home and MAC are the same, and together unique.
func plugID(home topology.NetworkID, mac string) topology.PortID {
	hardware, err := net.ParseMAC(mac)
	if err != nil {
		return topology.PortID("plug-" + string(home) + "-" + mac)
	}
	return topology.PortID("plug-" + string(home) + "-" + hex.EncodeToString(hardware))
}

// addresses of a router's port, as wide as the ranges of the plug's home.
func (v *view) addresses(home topology.NetworkID, p ports.Port) (list []netip.Prefix) {
	ranges := v.subnetsOf(string(home))
	for _, ip := range p.FixedIPs {
		a, err := netip.ParseAddr(ip.IPAddress)
		if err != nil {
			continue
		}
		bits := a.BitLen()
		for _, s := range ranges {
			if s.CIDR.Contains(a) {
				bits = s.CIDR.Bits()
			}
		}
		list = append(list, netip.PrefixFrom(a, bits))
	}
	slices.SortFunc(list, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return list
}

func (v *view) appliances() (list []topology.Appliance, err error) {
	for _, p := range v.ports {
		if p.mark.Kind != kindLeg || !v.isLeg(p) {
			continue
		}
		f, err := facts[legFacts](p.mark)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(list, func(a topology.Appliance) bool { return a.ID == f.Appliance.ID })
		if i < 0 {
			i, list = len(list), append(list, f.Appliance)
		}
		f.Leg.At, _ = v.at(p.NetworkID)
		list[i].Legs = append(list[i].Legs, f.Leg)
	}
	for i := range list {
		list[i].Start, list[i].Booted = v.running(list[i].ID)
	}
	return list, nil
}

// isLeg says whether a port, of those that have its leg's id, is the leg.
func (v *view) isLeg(p port) bool {
	for _, o := range v.ports {
		if o.mark.Kind == kindLeg && o.mark.ID == p.mark.ID && o.ID != p.ID && before(o, p) {
			return false
		}
	}
	return true
}

func before(a, b port) bool {
	if (a.DeviceID != "") != (b.DeviceID != "") {
		return a.DeviceID != ""
	}
	one, _ := facts[legFacts](a.mark)
	two, _ := facts[legFacts](b.mark)
	return one.Turn < two.Turn || one.Turn == two.Turn && a.ID < b.ID
}

// What a server's metadata say.
const (
	metaScope     = "bumpwire_scope"
	metaTenant    = "bumpwire_tenant"
	metaAppliance = "bumpwire_appliance"
	metaStart     = "bumpwire_start"
)

// serversOf are an appliance's: one, or none, unless something went wrong half-way.
func (v *view) serversOf(a topology.ApplianceID) (list []servers.Server) {
	for _, s := range v.servers {
		if s.Metadata[metaAppliance] == string(a) {
			list = append(list, s)
		}
	}
	return list
}

// running says whether an appliance's server runs, and which start of it.
func (v *view) running(a topology.ApplianceID) (start int, runs bool) {
	for _, s := range v.serversOf(a) {
		if isRunning(s) {
			return startOf(s), true
		}
	}
	return 0, false
}

func isRunning(s servers.Server) bool {
	return s.Status == "ACTIVE" || s.Status == "REBOOT" || s.Status == "HARD_REBOOT"
}

func startOf(s servers.Server) int {
	n, _ := strconv.Atoi(s.Metadata[metaStart]) // 0 when somebody has taken it away
	return n
}
