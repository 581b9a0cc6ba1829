//go:build linux

package linux

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A transit joins a tenant's gateways, as a provider's backbone does, so that hosts
// behind different ones reach each other. It is a bridge of the fabric that is no
// network: no plan sees it, nothing is stitched into it. Gateways have no addresses
// there; they know each other by next hops that nobody has and MAC addresses that
// are made out of names.

const transitBridge = "/" // no gateway is called so

// transitProtocol marks the routes made here (rtnetlink's numbers from 5 to 255 are
// for whoever wants one).
const transitProtocol = 98

func transitPort(g topology.GatewayID) string { return "transit:" + string(g) }
func transitLink(g topology.GatewayID) string { return linkName(kindFarEnd, transitPort(g)) }

// connectGateways makes the transit what the tenant's networks need: none for one
// gateway. It removes gateways without networks, too.
func (v *view) connectGateways() error {
	f, err := v.fabric()
	if err != nil {
		return err
	}
	if err := v.removeIdleGateways(f); err != nil {
		return err
	}
	if len(f.Gateways) < 2 {
		return v.removeTransit()
	}
	if err := v.makeTransit(f.Gateways); err != nil {
		return err
	}
	for _, g := range f.Gateways {
		err := v.cloud.within(v.cloud.gatewayName(v.tenant, g.ID), func() error { return v.routeAcross(f, g) })
		if err != nil {
			return fmt.Errorf("cannot route from gateway %q to the others: %w", g.ID, err)
		}
	}
	return nil
}

func (v *view) removeIdleGateways(f topology.Fabric) error {
	names, err := v.cloud.tenantNamespaces(v.tenant)
	if err != nil {
		return err
	}
	for _, name := range names {
		used := slices.ContainsFunc(f.Gateways, func(g topology.Gateway) bool { return v.cloud.gatewayName(v.tenant, g.ID) == name })
		if used || !strings.HasPrefix(name, v.cloud.gatewayName(v.tenant, defaultGateway)) {
			continue
		}
		if err := v.cloud.removeNamespace(name); err != nil { // its port at the transit goes with it
			return err
		}
	}
	return nil
}

func (v *view) removeTransit() error {
	for _, l := range v.all(kindTransit) {
		if err := v.remove(kindTransit, l.tag.ID); err != nil {
			return err
		}
	}
	return nil
}

// makeTransit makes the bridge with a port for each gateway, or completes it.
func (v *view) makeTransit(gateways []topology.Gateway) error {
	bridge, err := v.adopt(kindTransit, transitBridge, func(name string) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		off := false
		return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &off})
	})
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return err
	}
	if err := v.tagTransit(bridge, transitBridge); err != nil {
		return err
	}
	for _, g := range gateways {
		near, err := v.makeCable(kindTransit, string(g.ID), farEnd{
			namespace: v.cloud.gatewayName(v.tenant, g.ID), name: transitLink(g.ID), mac: v.transitMAC(g.ID), port: transitPort(g.ID),
		})
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMasterByIndex(near, bridge.Attrs().Index); err != nil {
			return fmt.Errorf("cannot plug gateway %q into the transit: %w", g.ID, err)
		}
		if err := v.tagTransit(near, string(g.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (v *view) tagTransit(l netlink.Link, id string) error {
	t, err := v.cloud.newTag(v.tenant, kindTransit, id, nil)
	if err != nil {
		return err
	}
	return v.cloud.setTag(l, t)
}

func (v *view) transitMAC(g topology.GatewayID) net.HardwareAddr {
	return macOf("transit", v.cloud.scope, string(v.tenant), string(g))
}

// hop is a gateway as the others route to it.
type hop struct{ four, six netip.Addr }

// hopsOf gives each gateway next hops of its own, which follow from its name unless
// two names would have the same.
func hopsOf(gateways []topology.Gateway) map[topology.GatewayID]hop {
	hops, taken := map[topology.GatewayID]hop{}, map[uint16]bool{}
	for _, g := range gateways {
		h := fnv.New32a()
		_, _ = h.Write([]byte(g.ID)) // never fails
		n := uint16(h.Sum32()%0xfd00) + 0x100
		for taken[n] {
			n = max(n+1, 0x100)
		}
		taken[n] = true
		hops[g.ID] = hop{
			four: netip.AddrFrom4([4]byte{169, 254, byte(n >> 8), byte(n)}),
			six:  netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 13: 0x0b, 14: byte(n >> 8), 15: byte(n)}),
		}
	}
	return hops
}

// routeAcross routes from a gateway, in which the thread is, to the networks that it
// has no plug into, by the gateway that their hosts use. Each change is one call of
// the kernel, and routes that stay are not touched.
func (v *view) routeAcross(f topology.Fabric, from topology.Gateway) error {
	l, err := netlink.LinkByName(transitLink(from.ID))
	if err != nil {
		return err
	}
	hops := hopsOf(f.Gateways)
	for _, g := range f.Gateways {
		if g.ID == from.ID {
			continue
		}
		for _, a := range []netip.Addr{hops[g.ID].four, hops[g.ID].six} {
			if err := setNeighbour(l, a, v.transitMAC(g.ID)); err != nil {
				return err
			}
		}
	}
	want := map[netip.Prefix]netip.Addr{}
	for _, n := range f.Networks {
		via := cloud.Plugged(f, n)
		if n.Role != topology.RoleTenant || len(via) == 0 || slices.Contains(via, string(from.ID)) {
			continue
		}
		for _, s := range n.Subnets {
			want[s.CIDR] = hops[topology.GatewayID(via[0])].four
			if s.CIDR.Addr().Is6() {
				want[s.CIDR] = hops[topology.GatewayID(via[0])].six
			}
		}
	}
	return setRoutes(l, want)
}

func setNeighbour(l netlink.Link, a netip.Addr, mac net.HardwareAddr) error {
	family := unix.AF_INET
	if a.Is6() {
		if family = unix.AF_INET6; !haveIPv6() {
			return nil
		}
	}
	err := netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: mac})
	if err != nil {
		return fmt.Errorf("cannot set neighbour %s of %q: %w", a, l.Attrs().Name, err)
	}
	return nil
}

// setRoutes makes the routes over a link exactly those.
func setRoutes(l netlink.Link, want map[netip.Prefix]netip.Addr) error {
	for to, via := range want {
		if to.Addr().Is6() && !haveIPv6() {
			continue
		}
		err := netlink.RouteReplace(&netlink.Route{
			LinkIndex: l.Attrs().Index, Gw: via.AsSlice(), Flags: int(netlink.FLAG_ONLINK), Protocol: transitProtocol,
			Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())},
		})
		if err != nil {
			return fmt.Errorf("cannot route to %s: %w", to, err)
		}
	}
	have, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{LinkIndex: l.Attrs().Index, Protocol: transitProtocol},
		netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("cannot list routes: %w", err)
	}
	for _, r := range have {
		if r.Dst == nil {
			continue
		}
		ip, _ := netip.AddrFromSlice(r.Dst.IP)
		ones, _ := r.Dst.Mask.Size()
		if _, kept := want[netip.PrefixFrom(ip.Unmap(), ones)]; kept {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("cannot remove the route to %s: %w", r.Dst, err)
		}
	}
	return nil
}
