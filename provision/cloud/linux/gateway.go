//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A tenant here has one gateway.
const (
	gatewayID   = topology.GatewayID("gateway")
	gatewayText = "gateway"
)

// plugFacts are what a plug's near end knows; where it is plugged its master tells.
type plugFacts struct {
	Gateway   topology.GatewayID `json:"gateway"`
	Home      topology.NetworkID `json:"home"`
	Addresses []netip.Prefix     `json:"addresses,omitempty"` // in the subnets' order
}

func plugPort(home topology.NetworkID) topology.PortID { return topology.PortID("gateway-" + home) }

// makeGateway makes a tenant's gateway: a namespace that routes, with the public
// network on its loopback link.
func (c *Cloud) makeGateway(tenant topology.TenantID) error {
	t, err := c.newTag(tenant, kindGateway, string(gatewayID), nil)
	if err != nil {
		return err
	}
	name := c.gatewayName(tenant)
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

// makePlug makes the gateway's plug into a network, or completes it. A plug that
// exists is left where it is plugged.
func (v *view) makePlug(n topology.Network) error {
	port := string(plugPort(n.ID))
	f := plugFacts{Gateway: gatewayID, Home: n.ID}
	for _, s := range n.Subnets {
		if s.Gateway.IsValid() {
			f.Addresses = append(f.Addresses, netip.PrefixFrom(s.Gateway, s.CIDR.Bits()))
		}
	}
	t, err := v.cloud.newTag(v.tenant, kindPlug, port, f)
	if err != nil {
		return err
	}
	if _, ok := v.find(kindPlug, port); ok {
		return nil
	}
	end := farEnd{
		namespace: v.cloud.gatewayName(v.tenant),
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
func (c *Cloud) plugEnd(tenant topology.TenantID, port topology.PortID) (mac net.HardwareAddr, addresses []netip.Prefix, err error) {
	err = c.within(c.gatewayName(tenant), func() error {
		l, err := netlink.LinkByName(linkName(kindFarEnd, string(port)))
		if err != nil {
			return fmt.Errorf("the gateway lost its plug %q: %w", port, err)
		}
		mac = l.Attrs().HardwareAddr
		addresses, err = addressesOf(l)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("tenant %q lost its gateway: %w", tenant, err)
	}
	return mac, addresses, err
}

func addressesOf(l netlink.Link) ([]netip.Prefix, error) {
	list, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok || ip.Unmap().IsLinkLocalUnicast() {
			continue
		}
		ones, _ := a.Mask.Size()
		out = append(out, netip.PrefixFrom(ip.Unmap(), ones))
	}
	return out, nil
}
