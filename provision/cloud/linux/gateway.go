//go:build linux

package linux

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A gateway here is called by its name; this is the one of networks that name none.
const defaultGateway = topology.GatewayID(cloud.DefaultGateway)

// plugFacts are what a plug's near end knows; where it is plugged its master tells.
type plugFacts struct {
	Gateway   topology.GatewayID `json:"gateway"`
	Home      topology.NetworkID `json:"home"`
	Addresses []netip.Prefix     `json:"addresses,omitempty"` // in the subnets' order
}

// plugPort is a gateway's port for a network. No name of a gateway holds a colon, so
// none is another's.
func plugPort(g topology.GatewayID, home topology.NetworkID) topology.PortID {
	if g == defaultGateway {
		return topology.PortID("gateway-" + home)
	}
	return topology.PortID(fmt.Sprintf("plug-%s:%s", g, home))
}

// makeGateway makes one of a tenant's gateways: a namespace that routes, with the
// public network on its loopback link.
func (c *Cloud) makeGateway(tenant topology.TenantID, g topology.GatewayID) error {
	t, err := c.newTag(tenant, kindGateway, string(g), nil)
	if err != nil {
		return err
	}
	name := c.gatewayName(tenant, g)
	if err := c.makeNamespace(name, t); err != nil {
		return err
	}
	return c.within(name, func() error {
		if err := sysctl("ipv4/ip_forward", "1"); err != nil {
			return fmt.Errorf("cannot make the gateway route: %w", err)
		}
		if err := sysctl("ipv6/conf/all/forwarding", "1"); err != nil {
			return fmt.Errorf("cannot make the gateway route IPv6: %w", err)
		}
		// A network with two gateways answers by the one that its hosts use.
		if err := sysctl("ipv4/conf/all/rp_filter", "0"); err != nil {
			return fmt.Errorf("cannot make the gateway take what comes another way: %w", err)
		}
		if err := apart(); err != nil {
			return err
		}
		if err := c.track(); err != nil {
			return fmt.Errorf("cannot make the gateway track flows: %w", err)
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := addAddress(lo, netip.MustParsePrefix(PublicIPv4+"/32")); err != nil {
			return err
		}
		if !haveIPv6() {
			return nil
		}
		return addAddress(lo, netip.MustParsePrefix(PublicIPv6+"/128"))
	})
}

// apart has each of the gateway's plugs answer for its own addresses only. Behind a
// service whose networks share its outside leg several plugs are in one segment, and
// Linux would answer with any of them: hosts would learn a MAC address that is wrong
// once the service is gone. With IPv6 it never does that. Nor does it tell hosts of two
// subnets of a network to speak to each other directly, which would be past the
// services in path; see tracking for IPv6.
func apart() error {
	for _, k := range []struct{ knob, value string }{
		{"ipv4/conf/all/arp_ignore", "1"},
		{"ipv4/conf/all/arp_announce", "2"},
		{"ipv4/conf/all/send_redirects", "0"},
		{"ipv4/conf/default/send_redirects", "0"},
	} {
		if err := sysctl(k.knob, k.value); err != nil {
			return fmt.Errorf("cannot keep the gateway's plugs apart: %w", err)
		}
	}
	return nil
}

// makePlug makes a gateway's plug into a network, or completes it. A plug that exists
// is left where it is plugged. Place is the gateway's among those of the network.
func (v *view) makePlug(n topology.Network, g topology.GatewayID, place int) (err error) {
	port := string(plugPort(g, n.ID))
	f := plugFacts{Gateway: g, Home: n.ID}
	if f.Addresses, err = cloud.PlugAddresses(n, place); err != nil {
		return err
	}
	t, err := v.cloud.newTag(v.tenant, kindPlug, port, f)
	if err != nil {
		return err
	}
	if _, ok := v.find(kindPlug, port); ok {
		return nil
	}
	end := farEnd{
		namespace: v.cloud.gatewayName(v.tenant, g),
		name:      linkName(kindFarEnd, port),
		mac:       macOf("plug", v.cloud.scope, string(v.tenant), port),
		addresses: f.Addresses,
		port:      port,
	}
	near, err := v.makeCable(kindPlug, port, end)
	if err != nil {
		return err
	}
	v.allowShortCuts(near)
	if err := v.plug(near, n.ID); err != nil {
		return err
	}
	return v.cloud.setTag(near, t)
}

// plugEnd is the far end of a plug as the gateway has it.
type plugEnd struct {
	mac       net.HardwareAddr
	addresses []netip.Prefix
}

// plugEnds reads all far ends of a gateway's plugs, by their links' names.
func (c *Cloud) plugEnds(tenant topology.TenantID, g topology.GatewayID) (map[string]plugEnd, error) {
	ends := map[string]plugEnd{}
	err := c.within(c.gatewayName(tenant, g), func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return err
		}
		addresses, err := addressesByLink()
		if err != nil {
			return err
		}
		for _, l := range links {
			ends[l.Attrs().Name] = plugEnd{l.Attrs().HardwareAddr, addresses[l.Attrs().Index]}
		}
		return nil
	})
	if isNoNamespace(err) {
		err = fmt.Errorf("tenant %q lost its gateway %q: %w", tenant, g, err)
	}
	return ends, err
}

// addressesByLink are all but link-local addresses in the namespace that the
// thread is in, by their links' indexes.
func addressesByLink() (map[int][]netip.Prefix, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("cannot list addresses: %w", err)
	}
	out := map[int][]netip.Prefix{}
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok || ip.Unmap().IsLinkLocalUnicast() {
			continue
		}
		ones, _ := a.Mask.Size()
		out[a.LinkIndex] = append(out[a.LinkIndex], netip.PrefixFrom(ip.Unmap(), ones))
	}
	return out, nil
}
