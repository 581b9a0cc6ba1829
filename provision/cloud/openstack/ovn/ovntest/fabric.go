package ovntest

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// External is the address that routers translate to.
const External = "172.24.4.7"

// AddNetwork makes a network's switch, AddRouter a router with an external gateway.
func (d *Database) AddNetwork(id string) {
	d.do(insert("Logical_Switch", "", ovsdb.Row{"name": "neutron-" + id}))
}

func (d *Database) AddRouter(id string) {
	d.do(insert("Logical_Router", "", ovsdb.Row{"name": "neutron-" + id}))
}

// Configure sets what a network's switch is told beside; Configured gives it.
func (d *Database) Configure(network string, kv ...string) {
	d.do(ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: "Logical_Switch", Where: named("neutron-" + network), Row: ovsdb.Row{"other_config": pairs(kv...)}})
}

func (d *Database) Configured(network string) map[string]string {
	out := map[string]string{}
	for _, r := range d.rows("Logical_Switch", named("neutron-"+network)...) {
		m, _ := r["other_config"].(ovsdb.OvsMap)
		for k, v := range m.GoMap {
			out[fmt.Sprint(k)] = fmt.Sprint(v)
		}
	}
	return out
}

// RemoveNetwork and RemoveRouter remove them with their ports.
func (d *Database) RemoveNetwork(id string) {
	d.do(ovsdb.Operation{Op: ovsdb.OperationDelete, Table: "Logical_Switch", Where: named("neutron-" + id)})
}

func (d *Database) RemoveRouter(id string) {
	d.do(ovsdb.Operation{Op: ovsdb.OperationDelete, Table: "Logical_Router", Where: named("neutron-" + id)})
}

// AddPort makes a port without port security on a network.
func (d *Database) AddPort(id, network string) {
	d.do(insert("Logical_Switch_Port", "port", ovsdb.Row{"name": id, "addresses": "unknown", "external_ids": pairs("neutron:revision_number", "1")}),
		change("Logical_Switch", "neutron-"+network, "ports", ovsdb.MutateOperationInsert, "port"))
}

// RemovePort removes it, if it is there.
func (d *Database) RemovePort(id, network string) {
	for _, r := range d.rows("Logical_Switch_Port", named(id)...) {
		d.do(change("Logical_Switch", "neutron-"+network, "ports", ovsdb.MutateOperationDelete, idOf(r)))
	}
}

// Plug makes a port the router's. Its range's traffic is translated from then on, by
// one more row.
func (d *Database) Plug(router, port, mac string, addresses ...string) {
	set := ovsdb.OvsSet{GoSet: []any{}}
	for _, a := range addresses {
		set.GoSet = append(set.GoSet, a)
	}
	ops := []ovsdb.Operation{
		insert("Logical_Router_Port", "leg", ovsdb.Row{"name": "lrp-" + port, "mac": mac, "networks": set, "options": pairs("gateway_mtu", "1400"), "external_ids": pairs("neutron:revision_number", "1")}),
		change("Logical_Router", "neutron-"+router, "ports", ovsdb.MutateOperationInsert, "leg"),
		{Op: ovsdb.OperationUpdate, Table: "Logical_Switch_Port", Where: named(port), Row: ovsdb.Row{"type": "router", "addresses": "router", "options": pairs("router-port", "lrp-"+port)}},
		insert("NAT", "out", ovsdb.Row{"type": "snat", "logical_ip": rangeOf(addresses), "external_ip": External}),
		change("Logical_Router", "neutron-"+router, "nat", ovsdb.MutateOperationInsert, "out"),
	}
	d.do(ops...)
}

// Float gives a host behind a router a floating IP; with a MAC it is translated on the
// host's own machine.
func (d *Database) Float(router, host, external, mac string) {
	row := ovsdb.Row{"type": "dnat_and_snat", "logical_ip": host, "external_ip": external}
	if mac != "" {
		row["external_mac"] = mac
	}
	d.do(insert("NAT", "floating", row), change("Logical_Router", "neutron-"+router, "nat", ovsdb.MutateOperationInsert, "floating"))
}

func rangeOf(addresses []string) string {
	_, n, err := net.ParseCIDR(addresses[0])
	if err != nil {
		panic(err)
	}
	return n.String()
}

// Unplug takes a port from the router. Where it does not find it there, it leaves the
// translation as well.
func (d *Database) Unplug(router, port string, addresses ...string) {
	for _, r := range d.rows("Logical_Router_Port", named("lrp-"+port)...) {
		ops := []ovsdb.Operation{change("Logical_Router", "neutron-"+router, "ports", ovsdb.MutateOperationDelete, idOf(r))}
		for _, n := range d.rows("NAT", ovsdb.NewCondition("logical_ip", ovsdb.ConditionEqual, rangeOf(addresses))) {
			ops = append(ops, change("Logical_Router", "neutron-"+router, "nat", ovsdb.MutateOperationDelete, idOf(n)))
		}
		d.do(ops...)
	}
}

// DropLeg takes a port off the router that Neutron does not know, as it does when it is
// told to repair.
func (d *Database) DropLeg(router, name string) {
	for _, r := range d.rows("Logical_Router_Port", named(name)...) {
		d.do(change("Logical_Router", "neutron-"+router, "ports", ovsdb.MutateOperationDelete, idOf(r)))
	}
}

// Carriers are the networks on which a router's ports with a MAC are, one for each.
func (d *Database) Carriers(mac string) (list []string) {
	ends := map[any]string{} // by the name of the router's port
	for _, s := range d.rows("Logical_Switch") {
		for _, p := range d.rows("Logical_Switch_Port") {
			if strings.Contains(fmt.Sprint(s["ports"]), idOf(p)) {
				options, _ := p["options"].(ovsdb.OvsMap)
				ends[options.GoMap["router-port"]] = strings.TrimPrefix(s["name"].(string), "neutron-")
			}
		}
	}
	for _, leg := range d.rows("Logical_Router_Port") {
		if leg["mac"] == mac {
			list = append(list, ends[leg["name"]])
		}
	}
	slices.Sort(list)
	return list
}

// All is everything in the database, in no order, without its own ids.
func (d *Database) All() (list []string) {
	for _, table := range []string{"Logical_Router", "Logical_Router_Port", "Logical_Switch", "Logical_Switch_Port", "NAT", "Logical_Router_Policy", "Static_MAC_Binding"} {
		for _, r := range d.rows(table) {
			maps.DeleteFunc(r, func(k string, _ any) bool {
				return slices.Contains([]string{"_uuid", "_version", "ports", "nat", "policies"}, k)
			})
			list = append(list, table+" "+fmt.Sprint(r))
		}
	}
	slices.Sort(list)
	return list
}
