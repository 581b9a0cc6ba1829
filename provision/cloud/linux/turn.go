//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A turn is a gateway's two ports at a member of a rule: one in the segment at its
// inside leg, one in that at its outside leg. To the gateway the member is a wire
// between the two, which it knows by each other's MAC address.

type side string

const (
	insideEnd  side = "inside"
	outsideEnd side = "outside"
)

// turnPort is one of a gateway's ports at a member. Members of services that are
// redirected to by several gateways have ports of each.
func turnPort(g topology.GatewayID, a topology.ApplianceID, s side) string {
	if g == defaultGateway {
		return fmt.Sprintf("turn-%s-%s", a, s)
	}
	return fmt.Sprintf("turn:%s:%s-%s", g, a, s)
}

// turnLink is a turn's port as the gateway names it.
func turnLink(g topology.GatewayID, a topology.ApplianceID, s side) string {
	return linkName(kindFarEnd, turnPort(g, a, s))
}

func (v *view) turnMAC(g topology.GatewayID, a topology.ApplianceID, s side) net.HardwareAddr {
	return macOf("turn", v.cloud.scope, string(v.tenant), turnPort(g, a, s))
}

// makeTurn makes a gateway's ports at a member, or completes them.
func (v *view) makeTurn(g topology.GatewayID, m topology.Member) error {
	for _, end := range []struct {
		side side
		at   topology.NetworkID
	}{{insideEnd, m.Inside}, {outsideEnd, m.Outside}} {
		port := turnPort(g, m.Appliance, end.side)
		near, err := v.makeCable(kindTurn, port, farEnd{
			namespace: v.cloud.gatewayName(v.tenant, g), name: turnLink(g, m.Appliance, end.side), mac: v.turnMAC(g, m.Appliance, end.side), port: port,
		})
		if err != nil {
			return err
		}
		if err := v.plug(near, end.at); err != nil {
			return err
		}
		if err := cameUp(near); err != nil {
			return err
		}
		t, err := v.cloud.newTag(v.tenant, kindTurn, port, turnFacts{g})
		if err != nil {
			return err
		}
		if err := v.cloud.setTag(near, t); err != nil {
			return err
		}
	}
	return nil
}

// turnFacts are what a turn's near end knows; one that knows nothing is the default
// gateway's.
type turnFacts struct {
	Gateway topology.GatewayID `json:"gateway"`
}

func turnOwner(l tagged) (topology.GatewayID, error) {
	if len(l.tag.Facts) == 0 {
		return defaultGateway, nil
	}
	f, err := facts[turnFacts](l.tag)
	return f.Gateway, err
}

// removeTurns removes a gateway's ports at all but the given members.
func (v *view) removeTurns(g topology.GatewayID, kept []topology.Member) error {
	for _, l := range v.all(kindTurn) {
		owner, err := turnOwner(l)
		if err != nil {
			return err
		}
		used := slices.ContainsFunc(kept, func(m topology.Member) bool {
			return l.tag.ID == turnPort(g, m.Appliance, insideEnd) || l.tag.ID == turnPort(g, m.Appliance, outsideEnd)
		})
		if used || owner != g {
			continue
		}
		if err := v.remove(kindTurn, l.tag.ID); err != nil {
			return err
		}
	}
	return nil
}

// The priorities of a gateway's routing rules. Marked packets come before those
// for the gateway itself: what is for it passes the member first.
const (
	markedPriority = 10
	localPriority  = 20
)

// The next hops inside a turn. Nobody has these addresses; their MAC is the
// other port's.
var nextHops = []netip.Addr{netip.MustParseAddr("169.254.255.254"), netip.MustParseAddr("fe80::ffff:fffe")}

// leadInto makes the routing tables that lead into members, in the gateway that
// the thread is in.
func (v *view) leadInto(g topology.GatewayID, members []topology.Member) error {
	for _, m := range members {
		mark := memberMark(m.Appliance)
		for _, lead := range []struct {
			mark     uint32
			in, from side
		}{{mark, insideEnd, outsideEnd}, {mark | 1, outsideEnd, insideEnd}} {
			l, err := netlink.LinkByName(turnLink(g, m.Appliance, lead.in))
			if err != nil {
				return fmt.Errorf("the gateway has no port at %q: %w", m.Appliance, err)
			}
			if err := cameUp(l); err != nil {
				return err
			}
			if err := trustTurn(l.Attrs().Name); err != nil {
				return err
			}
			if err := leadOut(l, v.turnMAC(g, m.Appliance, lead.from), lead.mark); err != nil {
				return err
			}
		}
	}
	return v.preferMarked(len(members) > 0)
}

// upPatience bounds how long a cable may take to carry.
const upPatience = 10 * time.Second

// cameUp waits until a link carries frames. The kernel sets up its sending queue in
// the background, after both its ends are up, and until then drops what is sent; a
// busy machine takes tens of milliseconds for that.
func cameUp(l netlink.Link) error {
	name := l.Attrs().Name
	for until := time.Now().Add(upPatience); ; time.Sleep(time.Millisecond) {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if l.Attrs().OperState == netlink.OperUp {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("the link %q does not come up", name)
		}
	}
}

// trustTurn lets packets through that are the gateway's own, coming back.
func trustTurn(link string) error {
	for _, k := range []struct{ knob, value string }{
		{"ipv4/conf/all/rp_filter", "0"},
		// Packets for the gateway are to be routed into the member first, and what was
		// found to be for one of its sockets is never forwarded.
		{"ipv4/ip_early_demux", "0"},
		{filepath.Join("ipv4/conf", link, "rp_filter"), "0"},
		{filepath.Join("ipv4/conf", link, "accept_local"), "1"},
		{filepath.Join("ipv4/conf", link, "send_redirects"), "0"},
		{filepath.Join("ipv4/conf", link, "arp_ignore"), "8"},
	} {
		if err := sysctl(k.knob, k.value); err != nil {
			return fmt.Errorf("cannot set %s: %w", k.knob, err)
		}
	}
	return nil
}

// leadOut routes packets with a mark out of a link to the MAC at its other end.
func leadOut(l netlink.Link, to net.HardwareAddr, mark uint32) error {
	for _, hop := range nextHops {
		if hop.Is6() && !haveIPv6() {
			continue
		}
		family, bits := unix.AF_INET, hop.BitLen()
		if hop.Is6() {
			family = unix.AF_INET6
		}
		err := netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT, IP: hop.AsSlice(), HardwareAddr: to})
		if err != nil {
			return fmt.Errorf("cannot set a neighbour of %q: %w", l.Attrs().Name, err)
		}
		err = netlink.RouteReplace(&netlink.Route{
			LinkIndex: l.Attrs().Index, Gw: hop.AsSlice(), Flags: int(netlink.FLAG_ONLINK), Table: int(mark),
			Dst: &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)},
		})
		if err != nil {
			return fmt.Errorf("cannot route into %q: %w", l.Attrs().Name, err)
		}
		if err := addRule(family, markedPriority, int(mark), mark); err != nil {
			return err
		}
	}
	return nil
}

func addRule(family, priority, table int, mark uint32) error {
	err := netlink.RuleAdd(ruleOf(family, priority, table, mark))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot make a routing rule: %w", err)
	}
	return nil
}

func ruleOf(family, priority, table int, mark uint32) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table, r.Mark = family, priority, table, mark
	return r
}

// preferMarked has marked packets routed before it is asked whether they are for
// the gateway itself, or brings the rules back to how they always are.
func (v *view) preferMarked(on bool) error {
	from, to := localPriority, 0
	if on {
		from, to = to, from
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		if family == unix.AF_INET6 && !haveIPv6() {
			continue
		}
		if err := addRule(family, to, unix.RT_TABLE_LOCAL, 0); err != nil {
			return err
		}
		err := netlink.RuleDel(ruleOf(family, from, unix.RT_TABLE_LOCAL, 0))
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("cannot move a routing rule: %w", err)
		}
	}
	return nil
}

// forgetMembers removes the routing rules of all but the given members; their
// routes go with the links.
func forgetMembers(kept []topology.Member) error {
	var marks []uint32
	for _, m := range kept {
		marks = append(marks, memberMark(m.Appliance), memberMark(m.Appliance)|1)
	}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		rules, err := netlink.RuleList(family)
		if err != nil {
			return fmt.Errorf("cannot list routing rules: %w", err)
		}
		for _, r := range rules {
			if r.Priority != markedPriority || slices.Contains(marks, r.Mark) {
				continue
			}
			r.Family = family
			if err := netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("cannot remove a routing rule: %w", err)
			}
		}
	}
	return nil
}
