//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A short cut hands frames that come in from a link to another link before the
// bridge sees them (tc ingress, u32, mirred). The filters used are the oldest
// there are: flower and matchall are missing from small kernels.
//
// Short cuts live for milliseconds, during a swap. One that a crash left behind
// still carries the tenant's traffic the way it was meant to go, and the next
// step on the fabric removes it.

// allowShortCuts prepares a link for them when it is made. Doing so takes the
// link's sending queue away for a moment, which would cost a frame or two under
// traffic; the filters themselves cost none. A kernel that cannot do it moves
// ports all the same, only not free of loss.
func (v *view) allowShortCuts(l netlink.Link) {
	err := netlink.QdiscAdd(&netlink.Ingress{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_INGRESS, Handle: netlink.MakeHandle(0xffff, 0),
	}})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		v.cloud.log.Warn("swaps at this link may lose packets: the kernel has no ingress queue", "link", l.Attrs().Name, "cause", err)
	}
}

func shortCutsAt(l netlink.Link) netlink.FilterAttrs {
	return netlink.FilterAttrs{
		LinkIndex: l.Attrs().Index, Parent: netlink.MakeHandle(0xffff, 0), Priority: 1, Protocol: unix.ETH_P_ALL,
	}
}

// shortCut sends what comes in from one link out of another: all of it, or what
// is for the given addresses.
func shortCut(from, to netlink.Link, only ...net.HardwareAddr) error {
	selectors := []*netlink.TcU32Sel{selectAll()}
	if len(only) > 0 {
		selectors = selectors[:0]
		for _, mac := range only {
			selectors = append(selectors, selectDestination(mac))
		}
	}
	for _, sel := range selectors {
		if err := netlink.FilterAdd(&netlink.U32{
			FilterAttrs: shortCutsAt(from),
			Sel:         sel,
			Actions:     []netlink.Action{netlink.NewMirredAction(to.Attrs().Index)},
		}); err != nil {
			return fmt.Errorf("cannot make a short cut from %q to %q: %w", from.Attrs().Name, to.Attrs().Name, err)
		}
	}
	return nil
}

func selectAll() *netlink.TcU32Sel {
	return &netlink.TcU32Sel{Flags: netlink.TC_U32_TERMINAL, Nkeys: 1, Keys: []netlink.TcU32Key{{}}}
}

// selectDestination matches the six bytes that begin 14 before the network
// header, where u32 counts from; its words are aligned, so the first is half
// before the frame.
func selectDestination(mac net.HardwareAddr) *netlink.TcU32Sel {
	return &netlink.TcU32Sel{
		Flags: netlink.TC_U32_TERMINAL,
		Nkeys: 2,
		Keys: []netlink.TcU32Key{
			{Mask: 0x0000ffff, Val: uint32(mac[0])<<8 | uint32(mac[1]), Off: -16},
			{Mask: 0xffffffff, Val: uint32(mac[2])<<24 | uint32(mac[3])<<16 | uint32(mac[4])<<8 | uint32(mac[5]), Off: -12},
		},
	}
}

// endShortCuts lets the bridge see a link's frames again; none is no error.
func endShortCuts(from netlink.Link) error {
	err := netlink.FilterDel(&netlink.U32{FilterAttrs: shortCutsAt(from)})
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) && !isGone(err) {
		return fmt.Errorf("cannot end the short cut at %q: %w", from.Attrs().Name, err)
	}
	return nil
}

// endLeftShortCuts ends those that an interrupted swap left behind.
func (v *view) endLeftShortCuts() error {
	for _, l := range v.links {
		if l.tag.Kind != kindLeg && l.tag.Kind != kindPlug {
			continue
		}
		if err := endShortCuts(l); err != nil {
			return err
		}
	}
	return nil
}
