package ovn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A turn's ports each have a small range of their own, with an address that nobody has:
// the next hop, which a static binding gives the other port's MAC. The ranges are
// numbered from the beginning of these.
var (
	turnRange4 = netip.MustParseAddr("169.254.64.0") // up to 169.254.127.255
	turnRange6 = netip.MustParseAddr("fd62:756d:7077::")
)

const (
	turnMost = 2048 // of a router
	turnStep = 8    // addresses between two turns; a turn's ports are half of that apart
)

// turn is a router's two ports at a member.
type turn struct {
	name   string
	member string
	slot   int
	in     ovsdb.Row // the router's rows, where they are there
	out    ovsdb.Row
}

// whole says whether a turn has both its ports, with their other ends.
func (t turn) whole(peers []ovsdb.Row) bool {
	return t.in != nil && t.out != nil && joined(t.in, peers) && joined(t.out, peers)
}

func joined(leg ovsdb.Row, peers []ovsdb.Row) bool {
	return slices.ContainsFunc(peers, func(p ovsdb.Row) bool { return text(p, "name") == peerName(text(leg, "name")) })
}

// end is one of the ports that a turn is to have.
type end struct {
	name, network, mac string
	address, next      [2]netip.Addr // of IPv4 and IPv6
}

// turnName is a name that no other turn has, nor the same one on other networks: OVN
// loses a port that changes its switch under its name.
func turnName(scope, router string, m Member) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{scope, router, m.ID, m.Inside, m.Outside}, "\x00")))
	return "bumpwire-turn-" + hex.EncodeToString(sum[:12])
}

func endNames(turn string) (in, out string) { return turn + "-in", turn + "-out" }

// macOf is a MAC of local administration that follows from a port's name.
func macOf(name string) string {
	sum := sha256.Sum256([]byte("mac\x00" + name))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac.String()
}

// ends are a turn's ports as they are to be.
func ends(t turn, m Member) (in, out end) {
	first, second := endNames(t.name)
	in = end{name: first, network: m.Inside, mac: macOf(first)}
	out = end{name: second, network: m.Outside, mac: macOf(second)}
	in.address, in.next = addressesAt(t.slot * turnStep)
	out.address, out.next = addressesAt(t.slot*turnStep + turnStep/2)
	return in, out
}

func addressesAt(n int) (address, next [2]netip.Addr) {
	for i, from := range []netip.Addr{turnRange4, turnRange6} {
		raw := from.AsSlice()
		low := len(raw) - 2
		value := int(raw[low])<<8 + int(raw[low+1]) + n
		for j, to := range []*netip.Addr{&address[i], &next[i]} {
			raw[low], raw[low+1] = byte((value+1+j)>>8), byte(value+1+j)
			*to, _ = netip.AddrFromSlice(raw)
		}
	}
	return address, next
}

// turnsOf puts the two ports of each turn of ours together, by its name.
func turnsOf(legs []ovsdb.Row, scope string) map[string]turn {
	found := map[string]turn{}
	for _, leg := range legs {
		name := pair(leg, "external_ids", keyTurn)
		if name == "" || pair(leg, "external_ids", keyRedirect) != scope {
			continue
		}
		t := found[name]
		t.name, t.member = name, pair(leg, "external_ids", keyMember)
		t.slot, _ = strconv.Atoi(pair(leg, "external_ids", keySlot))
		if in, _ := endNames(name); text(leg, "name") == in {
			t.in = leg
		} else {
			t.out = leg
		}
		found[name] = t
	}
	return found
}

// free is the lowest number of a turn whose addresses no port of the router has.
func free(ports []ovsdb.Row, taken map[int]bool) (int, error) {
	var used []netip.Prefix
	for _, p := range ports {
		for _, text := range set[string](p, "networks") {
			if r, err := netip.ParsePrefix(text); err == nil {
				used = append(used, r.Masked())
			}
		}
	}
	for slot := range turnMost {
		first, _ := addressesAt(slot * turnStep)
		second, _ := addressesAt(slot*turnStep + turnStep/2)
		hit := taken[slot] || slices.ContainsFunc(used, func(r netip.Prefix) bool {
			return r.Contains(first[0]) || r.Contains(first[1]) || r.Contains(second[0]) || r.Contains(second[1])
		})
		if !hit {
			return slot, nil
		}
	}
	return 0, fault.New(fault.Conflict, "a router cannot send flows through more than %d appliances", turnMost)
}

// make gives the operations after which the router has a turn's port that it has not,
// with a binding of each next hop that is not bound.
func (e end) make(t turn, r Rule, m Member, other end, bound []ovsdb.Row, scope string, n int) []ovsdb.Operation {
	marks := texts(map[string]string{keyRedirect: scope, keyTenant: r.Tenant, keyRouter: r.Router, keyNetwork: e.network, keyTurn: t.name, keyMember: m.ID, keySlot: strconv.Itoa(t.slot)})
	leg := ovsdb.Row{"name": e.name, "mac": e.mac, "networks": setOf(e.address[0].String()+"/30", e.address[1].String()+"/126"), "external_ids": marks}
	peer := ovsdb.Row{"name": peerName(e.name), "type": "router", "addresses": setOf("router"), "options": texts(map[string]string{"router-port": e.name}), "external_ids": marks}
	as := fmt.Sprintf("turn%d", n)
	ops := []ovsdb.Operation{
		added(tableRouterPort, as, leg), given(tableRouter, nameOf(r.Router), as),
		added(tableSwitchPort, as+"peer", peer), given(tableSwitch, nameOf(e.network), as+"peer"),
	}
	for i, next := range e.next {
		if slices.ContainsFunc(bound, func(b ovsdb.Row) bool { return text(b, "logical_port") == e.name && text(b, "ip") == next.String() }) {
			continue
		}
		ops = append(ops, added(tableBinding, fmt.Sprintf("%sto%d", as, i), ovsdb.Row{"logical_port": e.name, "ip": next.String(), "mac": other.mac, "override_dynamic_mac": true}))
	}
	return ops
}

// remove gives the operations after which nothing is left of a turn.
func (t turn) remove(router string, peers []ovsdb.Row) []ovsdb.Operation {
	in, out := endNames(t.name)
	return append(t.unplug(router, peers), unbound(in), unbound(out))
}

// unplug gives the operations after which a turn has no ports.
func (t turn) unplug(router string, peers []ovsdb.Row) (ops []ovsdb.Operation) {
	for _, leg := range []ovsdb.Row{t.in, t.out} {
		if leg != nil {
			ops = append(ops, taken(tableRouter, nameOf(router), idOf(leg)))
		}
	}
	for _, p := range peers {
		if pair(p, "external_ids", keyTurn) == t.name {
			ops = append(ops, taken(tableSwitch, nameOf(pair(p, "external_ids", keyNetwork)), idOf(p)))
		}
	}
	return ops
}

// unbound removes the static bindings of a router's port.
func unbound(port string) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationDelete, Table: tableBinding, Where: []ovsdb.Condition{ovsdb.NewCondition("logical_port", ovsdb.ConditionEqual, port)}}
}

func marked(marks map[string]string) ovsdb.Condition {
	return ovsdb.NewCondition("external_ids", ovsdb.ConditionIncludes, texts(marks))
}
