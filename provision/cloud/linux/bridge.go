//go:build linux

package linux

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// forwardAll lets a bridge forward the link-local groups that Linux allows it to
// (all but spanning tree, pause and LACP frames): a network made here must not
// swallow what the tenant's own would carry, such as 802.1X or LLDP.
const forwardAll uint16 = 0xfff8

// quietFabric keeps the fabric's own IP stack out of tenants' traffic: bridged
// frames skip the machine's packet filter, nothing is routed, no address is
// answered for on a network that does not have it, and no link speaks IPv6.
func quietFabric() error {
	for _, k := range []struct{ knob, value string }{
		{"bridge/bridge-nf-call-iptables", "0"},
		{"bridge/bridge-nf-call-ip6tables", "0"},
		{"bridge/bridge-nf-call-arptables", "0"},
		{"ipv4/ip_forward", "0"},
		{"ipv4/conf/all/arp_ignore", "1"},
		{"ipv6/conf/all/forwarding", "0"},
		{"ipv6/conf/all/disable_ipv6", "1"},
		{"ipv6/conf/default/disable_ipv6", "1"},
	} {
		if err := sysctl(k.knob, k.value); err != nil {
			return fmt.Errorf("cannot set %s: %w", k.knob, err)
		}
	}
	return nil
}

// makeNetwork makes a network's bridge, or completes it.
func (v *view) makeNetwork(n topology.Network) error { return v.makeBridge(n.ID, n) }

func (v *view) makeBridge(id topology.NetworkID, facts any) error {
	t, err := v.cloud.newTag(v.tenant, kindNetwork, string(id), facts)
	if err != nil {
		return err
	}
	off, mask := false, forwardAll
	l, err := v.adopt(kindNetwork, string(id), func(name string) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		// Given, since a bridge without one takes the lowest of its ports' and changes
		// it as they come and go, which would break the management network's ARP.
		attrs.HardwareAddr = macOf("bridge", string(v.tenant), string(id))
		// Spanning tree is off by default, so ports forward at once.
		return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &off, GroupFwdMask: &mask})
	})
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return err
	}
	// Last, so that what is tagged is whole.
	return v.cloud.setTag(l, t)
}

// removeNetwork removes a network's bridge. Conflict while anything is plugged
// into it: a bridge that is pulled away under a port cuts it off silently.
func (v *view) removeNetwork(id topology.NetworkID) error {
	bridge, ok := v.find(kindNetwork, string(id))
	if !ok {
		return nil
	}
	for _, l := range v.links {
		if l.Attrs().MasterIndex == bridge.index() {
			return fault.New(fault.Conflict, "network %q still has %s %q plugged into it", id, l.tag.Kind, l.tag.ID)
		}
	}
	return v.remove(kindNetwork, string(id))
}

// addAddress gives a link an address at once: without duplicate address
// detection, which would make IPv6 unusable for its first second.
func addAddress(l netlink.Link, p netip.Prefix) error {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrAdd(l, a); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot add address %s to %q: %w", p, l.Attrs().Name, err)
	}
	return nil
}

// macOf is a locally administered unicast address made out of names, so that a
// rerun and a reinserted gateway have the same one.
func macOf(names ...string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}
}
