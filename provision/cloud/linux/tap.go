//go:build linux

package linux

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// legFacts are what a leg's link knows. Where it is plugged its master tells, and
// whose traffic passes follows from that.
type legFacts struct {
	Appliance topology.ApplianceID `json:"a"`
	Instance  topology.InstanceID  `json:"n"`
	Side      string               `json:"s,omitempty"`
	Name      string               `json:"m"`
	Provider  bool                 `json:"p,omitempty"`
	Leg       topology.Leg         `json:"l"` // without At and Serves
}

// legQueue is how many frames wait for an appliance that stands still, as a guest
// under software emulation does on a busy machine: better late than lost.
const legQueue = 4096

func legName(port topology.PortID) string { return linkName(kindLeg, string(port)) }

// makeLeg makes the link of an appliance's NIC, plugged where the leg says, or
// completes it.
func (v *view) makeLeg(a topology.Appliance, leg topology.Leg) error {
	f := legFacts{Appliance: a.ID, Instance: a.Instance, Side: a.Side, Name: a.Name, Provider: a.Provider, Leg: leg}
	f.Leg.At, f.Leg.Serves = "", nil
	if f.Leg.MAC == "" {
		f.Leg.MAC = macOf("leg", string(leg.Port)).String()
	}
	if _, err := net.ParseMAC(f.Leg.MAC); err != nil {
		return fault.New(fault.Invalid, "port %q has no usable MAC address: %q", leg.Port, leg.MAC)
	}
	if _, ok := v.find(kindLeg, string(leg.Port)); ok {
		return nil // tagged last, so it is whole; where it is plugged is for moves to say
	}
	t, err := v.cloud.newTag(v.tenant, kindLeg, string(leg.Port), f)
	if err != nil {
		return err
	}
	l, err := v.adopt(kindLeg, string(leg.Port), func(name string) error {
		return netlink.LinkAdd(v.cloud.machines.nic(name))
	})
	if err != nil {
		return err
	}
	if err := netlink.LinkSetTxQLen(l, legQueue); err != nil {
		return fmt.Errorf("cannot set the queue of port %q: %w", leg.Port, err)
	}
	v.allowShortCuts(l)
	if err := v.plug(l, leg.At); err != nil {
		return err
	}
	if leg.Role == topology.Management && leg.Address.IsValid() && leg.At != "" {
		if err := v.reachManagement(leg); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("cannot set up port %q: %w", leg.Port, err)
	}
	return v.cloud.setTag(l, t)
}

// reachManagement gives the management network's bridge an address beside the
// leg's, so that Dial has a source on the link.
func (v *view) reachManagement(leg topology.Leg) error {
	bridge, err := v.network(leg.At)
	if err != nil {
		return err
	}
	used, err := v.managementAddresses()
	if err != nil {
		return err
	}
	used[leg.Address.Addr()] = true
	if leg.Address.Addr().Is6() {
		if err := sysctl(filepath.Join("ipv6/conf", bridge.Attrs().Name, "disable_ipv6"), "0"); err != nil {
			return err
		}
	}
	have, err := netlink.AddrList(bridge, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, a := range have {
		ip, _ := netip.AddrFromSlice(a.IP)
		switch ip = ip.Unmap(); {
		case used[ip]:
			if err := netlink.AddrDel(bridge, &a); err != nil {
				return fmt.Errorf("cannot leave address %s to port %q: %w", ip, leg.Port, err)
			}
		case leg.Address.Contains(ip):
			return nil
		}
	}
	own, ok := freeAddress(leg.Address.Masked(), used)
	if !ok {
		return fault.New(fault.Full, "the management network %s has no address left for the broker", leg.Address.Masked())
	}
	return addAddress(bridge, netip.PrefixFrom(own, leg.Address.Bits()))
}

func (v *view) managementAddresses() (map[netip.Addr]bool, error) {
	used := map[netip.Addr]bool{}
	for _, l := range v.all(kindLeg) {
		f, err := facts[legFacts](l.tag)
		if err != nil {
			return nil, err
		}
		if f.Leg.Address.IsValid() {
			used[f.Leg.Address.Addr()] = true
		}
	}
	return used, nil
}

// freeAddress is the first address of a subnet after its own that nobody uses;
// never IPv4's last, the broadcast address.
func freeAddress(subnet netip.Prefix, used map[netip.Addr]bool) (netip.Addr, bool) {
	for a := subnet.Addr().Next(); subnet.Contains(a); a = a.Next() {
		last := a.Is4() && !subnet.Contains(a.Next())
		if !used[a] && !last {
			return a, true
		}
	}
	return netip.Addr{}, false
}
