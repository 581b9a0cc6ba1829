//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// farEnd is the end of a cable inside a gateway's or host's namespace.
type farEnd struct {
	namespace string
	name      string
	mac       net.HardwareAddr
	addresses []netip.Prefix
	routes    []netip.Addr // default routes by these addresses
	port      string       // what its tag calls it
}

// makeCable makes a veth pair between the fabric that the thread is in and
// another namespace, and sets up its far end. The near end is returned up,
// untagged and unplugged.
func (v *view) makeCable(k kind, id string, end farEnd) (netlink.Link, error) {
	ns, err := os.Open(filepath.Join(v.cloud.names, end.namespace))
	if err != nil {
		return nil, fmt.Errorf("cannot reach namespace %q: %w", end.namespace, err)
	}
	defer ns.Close()
	near, err := v.adopt(k, id, func(name string) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		veth := netlink.NewVeth(attrs)
		veth.PeerName, veth.PeerHardwareAddr, veth.PeerNamespace = end.name, end.mac, netlink.NsFd(ns.Fd())
		return netlink.LinkAdd(veth)
	})
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetUp(near); err != nil {
		return nil, err
	}
	t, err := v.cloud.newTag(v.tenant, kindFarEnd, end.port, nil)
	if err != nil {
		return nil, err
	}
	return near, v.cloud.within(end.namespace, func() error { return v.cloud.setUpEnd(end, t) })
}

func (c *Cloud) setUpEnd(end farEnd, t tag) error {
	l, err := netlink.LinkByName(end.name)
	if err != nil {
		return err
	}
	// No advertisements are believed and none are looked for: addresses and routes are given.
	if err := sysctl(filepath.Join("ipv6/conf", end.name, "accept_ra"), "0"); err != nil {
		return err
	}
	if err := sysctl(filepath.Join("ipv6/conf", end.name, "accept_dad"), "0"); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return err
	}
	for _, a := range end.addresses {
		if err := addAddress(l, a); err != nil {
			return err
		}
	}
	for _, via := range end.routes {
		if err := addDefaultRoute(l, via); err != nil {
			return err
		}
	}
	return c.setTag(l, t)
}

func addDefaultRoute(l netlink.Link, via netip.Addr) error {
	bits := via.BitLen()
	route := &netlink.Route{
		LinkIndex: l.Attrs().Index,
		Gw:        via.AsSlice(),
		Dst:       &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)},
	}
	if err := netlink.RouteReplace(route); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot route by %s: %w", via, err)
	}
	return nil
}

// haveIPv6 says whether the namespace that the thread is in speaks IPv6 at all.
func haveIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}
