// Package ovntest is OVN's northbound database in memory, behind the protocol, and what
// Neutron's ML2/OVN writes there.
package ovntest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/database/inmemory"
	"github.com/ovn-kubernetes/libovsdb/model"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
	"github.com/ovn-kubernetes/libovsdb/server"
	"github.com/stretchr/testify/require"
)

// The part of OVN's northbound schema that routers and switches are made of.
const schema = `{"name": "OVN_Northbound", "version": "7.0.0", "tables": {
 "Logical_Switch": {"isRoot": true, "columns": {"name": {"type": "string"},
  "other_config": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
  "ports": {"type": {"key": {"type": "uuid", "refTable": "Logical_Switch_Port", "refType": "strong"}, "min": 0, "max": "unlimited"}}}},
 "Logical_Switch_Port": {"isRoot": false, "indexes": [["name"]], "columns": {"name": {"type": "string"}, "type": {"type": "string"},
  "options": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
  "addresses": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
  "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}},
 "Logical_Router": {"isRoot": true, "columns": {"name": {"type": "string"},
  "ports": {"type": {"key": {"type": "uuid", "refTable": "Logical_Router_Port", "refType": "strong"}, "min": 0, "max": "unlimited"}},
  "nat": {"type": {"key": {"type": "uuid", "refTable": "NAT", "refType": "strong"}, "min": 0, "max": "unlimited"}},
  "policies": {"type": {"key": {"type": "uuid", "refTable": "Logical_Router_Policy", "refType": "strong"}, "min": 0, "max": "unlimited"}}}},
 "Logical_Router_Port": {"isRoot": false, "indexes": [["name"]], "columns": {"name": {"type": "string"}, "mac": {"type": "string"},
  "networks": {"type": {"key": "string", "min": 1, "max": "unlimited"}},
  "options": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
  "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}},
 "Logical_Router_Policy": {"isRoot": false, "columns": {"priority": {"type": {"key": {"type": "integer", "minInteger": 0, "maxInteger": 32767}}},
  "match": {"type": "string"}, "action": {"type": {"key": {"type": "string", "enum": ["set", ["allow", "drop", "reroute"]]}}},
  "nexthops": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
  "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}},
 "Static_MAC_Binding": {"isRoot": true, "indexes": [["logical_port", "ip"]], "columns": {"logical_port": {"type": "string"}, "ip": {"type": "string"},
  "mac": {"type": "string"}, "override_dynamic_mac": {"type": "boolean"}}},
 "NAT": {"isRoot": false, "columns": {"type": {"type": "string"}, "logical_ip": {"type": "string"}, "external_ip": {"type": "string"},
  "external_mac": {"type": {"key": "string", "min": 0, "max": 1}}}}
}}`

type (
	lswitch struct {
		UUID   string            `ovsdb:"_uuid"`
		Name   string            `ovsdb:"name"`
		Ports  []string          `ovsdb:"ports"`
		Config map[string]string `ovsdb:"other_config"`
	}
	lswitchPort struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		Type        string            `ovsdb:"type"`
		Options     map[string]string `ovsdb:"options"`
		Addresses   []string          `ovsdb:"addresses"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
	lrouter struct {
		UUID  string   `ovsdb:"_uuid"`
		Name  string   `ovsdb:"name"`
		Ports []string `ovsdb:"ports"`
		NAT   []string `ovsdb:"nat"`
		Rules []string `ovsdb:"policies"`
	}
	lrouterPolicy struct {
		UUID        string            `ovsdb:"_uuid"`
		Priority    int               `ovsdb:"priority"`
		Match       string            `ovsdb:"match"`
		Action      string            `ovsdb:"action"`
		Nexthops    []string          `ovsdb:"nexthops"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
	macBinding struct {
		UUID     string `ovsdb:"_uuid"`
		Port     string `ovsdb:"logical_port"`
		IP       string `ovsdb:"ip"`
		MAC      string `ovsdb:"mac"`
		Override bool   `ovsdb:"override_dynamic_mac"`
	}
	lrouterPort struct {
		UUID        string            `ovsdb:"_uuid"`
		Name        string            `ovsdb:"name"`
		MAC         string            `ovsdb:"mac"`
		Networks    []string          `ovsdb:"networks"`
		Options     map[string]string `ovsdb:"options"`
		ExternalIDs map[string]string `ovsdb:"external_ids"`
	}
	nat struct {
		UUID       string  `ovsdb:"_uuid"`
		Type       string  `ovsdb:"type"`
		LogicalIP  string  `ovsdb:"logical_ip"`
		ExternalIP string  `ovsdb:"external_ip"`
		MAC        *string `ovsdb:"external_mac"`
	}
)

// External is the address that routers translate to.
const External = "172.24.4.7"

// Database is a northbound database. Its methods do what Neutron does.
type Database struct {
	Address string // for clients; see Fail
	t       testing.TB
	c       client.Client

	mu sync.Mutex
	n  int  // how many changes pass until one fails; negative: all
	ok bool // that one has its effect
	// Changes is how many transactions that change something have been asked for.
	changes int
	spoken  []string // the MACs that switches were asked to speak of
}

// New starts a database that ends with the test.
func New(t testing.TB) *Database {
	t.Helper()
	models, err := model.NewClientDBModel("OVN_Northbound", map[string]model.Model{
		"Logical_Switch": &lswitch{}, "Logical_Switch_Port": &lswitchPort{}, "Logical_Router": &lrouter{}, "Logical_Router_Port": &lrouterPort{}, "NAT": &nat{},
		"Logical_Router_Policy": &lrouterPolicy{}, "Static_MAC_Binding": &macBinding{},
	})
	require.NoError(t, err)
	var s ovsdb.DatabaseSchema
	require.NoError(t, json.Unmarshal([]byte(schema), &s))
	database, errs := model.NewDatabaseModel(s, models)
	require.Empty(t, errs)
	logger := logr.Discard()
	srv, err := server.NewOvsdbServer(inmemory.NewDatabase(map[string]model.ClientDBModel{s.Name: models}, &logger), &logger, database)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "nb") // a socket's path is short, and commas part addresses
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	go func() { _ = srv.Serve("unix", dir+"/server") }()
	t.Cleanup(srv.Close)
	d := &Database{t: t, n: -1, Address: "unix:" + dir + "/clients"}
	require.Eventually(t, func() bool { return d.connect(models, "unix:"+dir+"/server", &logger) == nil }, 10*time.Second, 5*time.Millisecond)
	d.listen(dir)
	return d
}

func (d *Database) connect(models model.ClientDBModel, address string, logger *logr.Logger) error {
	c, err := client.NewOVSDBClient(models, client.WithEndpoint(address), client.WithLogger(logger))
	if err == nil {
		err = c.Connect(context.Background())
	}
	if err == nil {
		d.c = c
		d.t.Cleanup(c.Close)
	}
	return err
}

// Fail has the client's nth change from now fail: the connection ends, before the
// change has its effect or, with effect, after.
func (d *Database) Fail(n int, effect bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n, d.ok = n, effect
}

// Changes is how many changes clients have asked for.
func (d *Database) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}

// Spoken are the MACs that switches were asked to send queries from, in their order.
func (d *Database) Spoken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.spoken)
}

var speaking = regexp.MustCompile(`\["mcast_eth_src","([^"]+)"\]`)

// listen passes on what clients and the server say, as long as nothing is to fail.
func (d *Database) listen(dir string) {
	l, err := net.Listen("unix", dir+"/clients")
	require.NoError(d.t, err)
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c, dir+"/server")
		}
	}()
}

func (d *Database) pass(c net.Conn, to string) {
	defer c.Close()
	s, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer s.Close()
	answers := &hearing{Conn: c, heard: make(chan struct{}, 1)}
	go func() { defer c.Close(); defer answers.tell(); _, _ = io.Copy(answers, s) }()
	for messages := json.NewDecoder(c); ; {
		var m json.RawMessage
		if messages.Decode(&m) != nil {
			return
		}
		fails, effect := d.fails(m)
		answers.lost.Store(fails)
		if !fails || effect {
			_, _ = s.Write(m)
		}
		if fails && effect {
			<-answers.heard // the effect is there when the client hears that its connection is not
		}
		if fails {
			return
		}
	}
}

// hearing is a client that does not get answers any more once they are lost; that
// there is one is told.
type hearing struct {
	net.Conn
	lost  atomic.Bool
	heard chan struct{}
}

func (h *hearing) Write(p []byte) (int, error) {
	if !h.lost.Load() {
		return h.Conn.Write(p)
	}
	h.tell()
	return len(p), nil
}

func (h *hearing) tell() {
	select {
	case h.heard <- struct{}{}:
	default:
	}
}

func (d *Database) fails(m []byte) (fails, effect bool) {
	if !bytes.Contains(m, []byte(`"op":"mutate"`)) {
		return false, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	if of := speaking.FindSubmatch(m); of != nil {
		d.spoken = append(d.spoken, string(of[1]))
	}
	if d.n < 0 {
		return false, false
	}
	d.n--
	return d.n == -1, d.ok
}

func (d *Database) do(ops ...ovsdb.Operation) []ovsdb.OperationResult {
	results, err := d.c.Transact(context.Background(), ops...)
	if err == nil {
		_, err = ovsdb.CheckOperationResults(results, ops)
	}
	if err != nil {
		panic(err)
	}
	return results
}

func insert(table, as string, row ovsdb.Row) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationInsert, Table: table, UUIDName: as, Row: row}
}

func named(name string) []ovsdb.Condition {
	return []ovsdb.Condition{ovsdb.NewCondition("name", ovsdb.ConditionEqual, name)}
}

func change(table, name, column string, m ovsdb.Mutator, id string) ovsdb.Operation {
	set := ovsdb.OvsSet{GoSet: []any{ovsdb.UUID{GoUUID: id}}}
	return ovsdb.Operation{Op: ovsdb.OperationMutate, Table: table, Where: named(name), Mutations: []ovsdb.Mutation{*ovsdb.NewMutation(column, m, set)}}
}

func (d *Database) rows(table string, where ...ovsdb.Condition) []ovsdb.Row {
	return d.do(ovsdb.Operation{Op: ovsdb.OperationSelect, Table: table, Where: where})[0].Rows
}

func idOf(r ovsdb.Row) string { return r["_uuid"].(ovsdb.UUID).GoUUID }

func pairs(kv ...string) ovsdb.OvsMap {
	m := ovsdb.OvsMap{GoMap: map[any]any{}}
	for pair := range slices.Chunk(kv, 2) {
		m.GoMap[pair[0]] = pair[1]
	}
	return m
}

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
