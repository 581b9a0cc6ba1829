package ovn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// The marks of a stand-in, in external_ids of its two rows.
const (
	keyScope   = "bumpwire:scope"
	keyPlug    = "bumpwire:plug"
	keyNetwork = "bumpwire:network" // where it stands
	keyRecord  = "bumpwire:record"
)

// A standIn is a port that carries a plug's traffic while Neutron moves it.
type standIn struct {
	leg, peer ovsdb.Row
	network   string
	record    record
}

// record is what a stand-in took the place of, as much of it as Neutron has written.
type record struct {
	Port    string    `json:"p,omitempty"`
	Network string    `json:"n,omitempty"`
	Leg     ovsdb.Row `json:"l,omitempty"`
	Peer    ovsdb.Row `json:"s,omitempty"`
}

var (
	legColumns  = []string{"name", "mac", "networks", "options", "ipv6_ra_configs", "ipv6_prefix", "enabled", "external_ids"}
	peerColumns = []string{"name", "type", "options", "addresses", "port_security", "enabled", "external_ids"}
	likeColumns = []string{"options", "ipv6_ra_configs", "ipv6_prefix", "enabled"} // that a stand-in has as the leg has them
)

// standInsOf puts the two rows of each stand-in together.
func standInsOf(legs, peers []ovsdb.Row) (list []standIn, err error) {
	for _, leg := range legs {
		s := standIn{leg: leg, network: pair(leg, "external_ids", keyNetwork)}
		if err := json.Unmarshal([]byte(pair(leg, "external_ids", keyRecord)), &s.record); err != nil {
			return nil, fmt.Errorf("cannot read what stand-in %s took the place of: %w", text(leg, "name"), err)
		}
		for _, peer := range peers {
			if text(peer, "name") == peerName(text(leg, "name")) {
				s.peer = peer
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// hold gives the operations after which a stand-in on network to carries a plug's
// traffic, and nothing else does.
func hold(s snapshot, p Plug, to, scope string) (ops []ovsdb.Operation, err error) {
	switch {
	case s.router == nil:
		return nil, fault.New(fault.Conflict, "router %s is not in OVN's northbound database, so its port cannot move without a gap: let the operator choose cutover: api", p.Router)
	case s.landing == nil:
		return nil, fault.New(fault.Conflict, "network %s is not in OVN's northbound database, so the gateway's port cannot move there without a gap: let the operator choose cutover: api", to)
	}
	was, stands := record{}, false
	if s.leg != nil {
		was = record{p.Port, p.Network, only(s.leg, legColumns...), only(s.peer, peerColumns...)}
	}
	for _, o := range s.standIns {
		if s.leg == nil {
			was = o.record
		}
		if o.network != to {
			ops = append(ops, o.drop(p)...)
			continue
		}
		stands = true
		if s.leg != nil {
			ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: tableRouterPort, Where: []ovsdb.Condition{itself(idOf(o.leg))},
				Row: ovsdb.Row{"external_ids": marks(scope, p, to, was)}})
		}
	}
	if s.leg != nil {
		ops = append(ops, taken(tableRouter, nameOf(p.Router), idOf(s.leg)))
	}
	if s.peer != nil && s.leg != nil {
		ops = append(ops, taken(tableSwitch, nameOf(p.Network), idOf(s.peer)))
	}
	if !stands {
		ops = append(ops, place(s.leg, p, to, scope, was)...)
	}
	if len(ops) == 0 {
		return nil, nil
	}
	return append([]ovsdb.Operation{still(tableRouter, nameOf(p.Router)), still(tableSwitch, nameOf(to))}, ops...), nil
}

// settle gives the operations after which a plug's port carries its traffic, and no
// stand-in is left. It fails as long as Neutron has not written that port.
func settle(s snapshot, p Plug) (ops []ovsdb.Operation, err error) {
	if len(s.standIns) == 0 {
		return nil, nil
	}
	var was *record
	for _, o := range s.standIns {
		ops = append(ops, o.drop(p)...)
		if o.record.Port == p.Port {
			was = &o.record
		}
	}
	ops = append(ops, single(s, p)...)
	switch {
	case s.leg != nil:
		return ops, nil
	case was == nil || p.Port == "" || s.router == nil:
		return nil, fault.New(fault.Unavailable, "Neutron has not written port %s of router %s into OVN's northbound database yet; traffic passes meanwhile", p.Port, p.Router)
	}
	ops = append(ops, added(tableRouterPort, "leg", was.Leg), given(tableRouter, nameOf(p.Router), "leg"))
	if s.peer == nil && was.Peer != nil {
		ops = append(ops, added(tableSwitchPort, "peer", was.Peer), given(tableSwitch, nameOf(was.Network), "peer"))
	}
	return append([]ovsdb.Operation{still(tableRouter, nameOf(p.Router))}, ops...), nil
}

// single takes all but one of equal rows of address translation: Neutron removes that
// of a network's range only with a port that it finds in the database, and adds it
// with each.
func single(s snapshot, p Plug) (ops []ovsdb.Operation) {
	seen := map[string]bool{}
	var surplus []ovsdb.UUID
	for _, r := range s.nat {
		mine := false
		for _, a := range p.Addresses {
			mine = mine || text(r, "logical_ip") == a.Masked().String()
		}
		same := fmt.Sprint(only(r, "type", "logical_ip", "external_ip", "external_mac", "logical_port", "external_port_range", "gateway_port", "options"))
		if mine && text(r, "type") == "snat" && seen[same] {
			surplus = append(surplus, idOf(r))
		}
		seen[same] = true
	}
	if len(surplus) == 0 {
		return nil
	}
	return []ovsdb.Operation{mutated(tableRouter, nameOf(p.Router), "nat", ovsdb.MutateOperationDelete, setOf(surplus...))}
}

// place makes a stand-in: a port of the router and one of the network's switch that
// are each other's ends. Its names are new on each network: OVN loses a port that
// changes its switch under its name.
func place(like ovsdb.Row, p Plug, to, scope string, was record) []ovsdb.Operation {
	sum := sha256.Sum256([]byte(strings.Join([]string{scope, p.ID, to, p.Port}, "\x00")))
	name := "bumpwire-" + hex.EncodeToString(sum[:16])
	leg := only(like, likeColumns...)
	if leg == nil {
		leg = ovsdb.Row{}
	}
	var networks []string
	for _, a := range p.Addresses {
		networks = append(networks, a.String())
	}
	leg["name"], leg["mac"], leg["networks"] = name, p.MAC, setOf(networks...)
	leg["external_ids"] = marks(scope, p, to, was)
	peer := ovsdb.Row{"name": peerName(name), "type": "router", "addresses": setOf("router"), "options": texts(map[string]string{"router-port": name}),
		"external_ids": texts(map[string]string{keyScope: scope, keyPlug: p.ID})}
	return []ovsdb.Operation{
		added(tableRouterPort, "standin", leg), given(tableRouter, nameOf(p.Router), "standin"),
		added(tableSwitchPort, "standinpeer", peer), given(tableSwitch, nameOf(to), "standinpeer"),
	}
}

func marks(scope string, p Plug, to string, was record) ovsdb.OvsMap {
	return texts(map[string]string{keyScope: scope, keyPlug: p.ID, keyNetwork: to, keyRecord: encoded(was)})
}

func peerName(leg string) string { return leg + "-peer" }

// drop takes a stand-in off; rows that nothing refers to are gone.
func (o standIn) drop(p Plug) []ovsdb.Operation {
	ops := []ovsdb.Operation{taken(tableRouter, nameOf(p.Router), idOf(o.leg))}
	if o.peer != nil {
		ops = append(ops, taken(tableSwitch, nameOf(o.network), idOf(o.peer)))
	}
	return ops
}

func added(table, as string, row ovsdb.Row) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationInsert, Table: table, UUIDName: as, Row: row}
}

// given adds a row to the ports of a router or switch, taken takes it off.
func given(table, name, port string) ovsdb.Operation {
	return mutated(table, name, "ports", ovsdb.MutateOperationInsert, setOf(ovsdb.UUID{GoUUID: port}))
}

func taken(table, name string, port ovsdb.UUID) ovsdb.Operation {
	return mutated(table, name, "ports", ovsdb.MutateOperationDelete, setOf(port))
}

func mutated(table, name, column string, m ovsdb.Mutator, with ovsdb.OvsSet) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationMutate, Table: table, Where: []ovsdb.Condition{named(name)}, Mutations: []ovsdb.Mutation{*ovsdb.NewMutation(column, m, with)}}
}

// still fails the transaction when a router or switch is gone.
func still(table, name string) ovsdb.Operation {
	now := 0
	return ovsdb.Operation{Op: ovsdb.OperationWait, Table: table, Where: []ovsdb.Condition{named(name)}, Columns: []string{"name"},
		Until: string(ovsdb.WaitConditionEqual), Rows: []ovsdb.Row{{"name": name}}, Timeout: &now}
}
