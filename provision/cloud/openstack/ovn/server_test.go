package ovn

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
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
  "ports": {"type": {"key": {"type": "uuid", "refTable": "Logical_Switch_Port", "refType": "strong"}, "min": 0, "max": "unlimited"}}}},
 "Logical_Switch_Port": {"isRoot": false, "indexes": [["name"]], "columns": {"name": {"type": "string"}, "type": {"type": "string"},
  "options": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
  "addresses": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
  "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}},
 "Logical_Router": {"isRoot": true, "columns": {"name": {"type": "string"},
  "ports": {"type": {"key": {"type": "uuid", "refTable": "Logical_Router_Port", "refType": "strong"}, "min": 0, "max": "unlimited"}},
  "nat": {"type": {"key": {"type": "uuid", "refTable": "NAT", "refType": "strong"}, "min": 0, "max": "unlimited"}}}},
 "Logical_Router_Port": {"isRoot": false, "indexes": [["name"]], "columns": {"name": {"type": "string"}, "mac": {"type": "string"},
  "networks": {"type": {"key": "string", "min": 1, "max": "unlimited"}},
  "options": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
  "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}},
 "NAT": {"isRoot": false, "columns": {"type": {"type": "string"}, "logical_ip": {"type": "string"}, "external_ip": {"type": "string"}}}
}}`

type (
	lswitch struct {
		UUID  string   `ovsdb:"_uuid"`
		Name  string   `ovsdb:"name"`
		Ports []string `ovsdb:"ports"`
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
		UUID       string `ovsdb:"_uuid"`
		Type       string `ovsdb:"type"`
		LogicalIP  string `ovsdb:"logical_ip"`
		ExternalIP string `ovsdb:"external_ip"`
	}
)

// A world is a northbound database in which Neutron has a router r with a port on
// network v, and a network g.
type world struct {
	t *testing.T
	n *Northbound
}

// serve starts a northbound database, and gives its address.
func serve(t *testing.T) string {
	t.Helper()
	models, err := model.NewClientDBModel("OVN_Northbound", map[string]model.Model{
		tableSwitch: &lswitch{}, tableSwitchPort: &lswitchPort{}, tableRouter: &lrouter{}, tableRouterPort: &lrouterPort{}, tableNAT: &nat{},
	})
	require.NoError(t, err)
	var s ovsdb.DatabaseSchema
	require.NoError(t, json.Unmarshal([]byte(schema), &s))
	database, errs := model.NewDatabaseModel(s, models)
	require.Empty(t, errs)
	logger := logr.Discard()
	srv, err := server.NewOvsdbServer(inmemory.NewDatabase(map[string]model.ClientDBModel{s.Name: models}, &logger), &logger, database)
	require.NoError(t, err)
	path := t.TempDir() + "/nb"
	go func() { _ = srv.Serve("unix", path) }()
	t.Cleanup(srv.Close)
	require.Eventually(t, func() bool {
		c, err := net.Dial("unix", path)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 5*time.Second, 5*time.Millisecond)
	return "unix:" + path
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n, err := New(Options{Address: serve(t)}, "scope")
	require.NoError(t, err)
	w := &world{t, n}
	w.do(
		added(tableSwitch, "v", ovsdb.Row{"name": nameOf("v")}), added(tableSwitch, "g", ovsdb.Row{"name": nameOf("g")}),
		added(tableNAT, "out", ovsdb.Row{"type": "snat", "logical_ip": "10.1.0.0/24", "external_ip": "172.24.4.7"}),
		added(tableNAT, "other", ovsdb.Row{"type": "snat", "logical_ip": "10.2.0.0/24", "external_ip": "172.24.4.7"}),
		added(tableRouter, "r", ovsdb.Row{"name": nameOf("r"), "nat": setOf(ovsdb.UUID{GoUUID: "out"}, ovsdb.UUID{GoUUID: "other"})}),
	)
	w.makePort("p1", "v")
	w.addInterface("p1")
	return w
}

func (w *world) do(ops ...ovsdb.Operation) (results []ovsdb.OperationResult) {
	w.t.Helper()
	require.NoError(w.t, w.n.session(w.t.Context(), func(ctx context.Context, c client.Client) (err error) {
		results, err = w.n.transact(ctx, c, ops...)
		return err
	}))
	return results
}

// makePort, addInterface, removeInterface do to the database what Neutron does.
func (w *world) makePort(id, network string) {
	w.do(added(tableSwitchPort, "port", ovsdb.Row{"name": id, "addresses": setOf("unknown"), "external_ids": texts(map[string]string{"neutron:revision_number": "1"})}),
		given(tableSwitch, nameOf(network), "port"))
}

func (w *world) addInterface(id string) {
	w.do(added(tableRouterPort, "leg", ovsdb.Row{"name": legNameOf(id), "mac": "fa:16:3e:00:00:01", "networks": setOf("10.1.0.1/24"), "options": texts(map[string]string{"gateway_mtu": "1400"}),
		"external_ids": texts(map[string]string{"neutron:subnet_ids": "s"})}), given(tableRouter, nameOf("r"), "leg"),
		ovsdb.Operation{Op: ovsdb.OperationUpdate, Table: tableSwitchPort, Where: []ovsdb.Condition{named(id)},
			Row: ovsdb.Row{"type": "router", "addresses": setOf("router"), "options": texts(map[string]string{"router-port": legNameOf(id)})}})
	if len(w.rows(tableNAT)) > 0 && id != "p1" {
		w.do(added(tableNAT, "out", ovsdb.Row{"type": "snat", "logical_ip": "10.1.0.0/24", "external_ip": "172.24.4.7"}),
			mutated(tableRouter, nameOf("r"), "nat", ovsdb.MutateOperationInsert, setOf(ovsdb.UUID{GoUUID: "out"})))
	}
}

// removeInterface does no more than remove the switch's port where the router's is
// gone, as Neutron.
func (w *world) removeInterface(id, network string) {
	for _, r := range w.rows(tableRouterPort) {
		if text(r, "name") == legNameOf(id) {
			w.do(taken(tableRouter, nameOf("r"), idOf(r)))
		}
	}
	for _, r := range w.rows(tableSwitchPort) {
		if text(r, "name") == id {
			w.do(taken(tableSwitch, nameOf(network), idOf(r)))
		}
	}
}

func (w *world) rows(table string) []ovsdb.Row {
	w.t.Helper()
	return w.do(chosen(table))[0].Rows
}

// carriers are the ends of ports that carry the plug's traffic: of each its switch.
func (w *world) carriers() (list []string) {
	w.t.Helper()
	on := map[ovsdb.UUID]string{}
	for _, s := range w.rows(tableSwitch) {
		for _, id := range set[ovsdb.UUID](s, "ports") {
			on[id] = text(s, "name")[len("neutron-"):]
		}
	}
	router := w.rows(tableRouter)[0]
	for _, leg := range w.rows(tableRouterPort) {
		require.Contains(w.t, set[ovsdb.UUID](router, "ports"), idOf(leg))
		for _, peer := range w.rows(tableSwitchPort) {
			if pair(peer, "options", "router-port") == text(leg, "name") {
				require.Equal(w.t, "fa:16:3e:00:00:01", text(leg, "mac"))
				require.Equal(w.t, []string{"10.1.0.1/24"}, set[string](leg, "networks"))
				list = append(list, on[idOf(peer)])
			}
		}
	}
	slices.Sort(list)
	return list
}

// all is what there is in the database, without ids.
func (w *world) all() (list []string) {
	w.t.Helper()
	for _, table := range []string{tableRouter, tableRouterPort, tableSwitch, tableSwitchPort, tableNAT} {
		for _, r := range w.rows(table) {
			list = append(list, table+fmt.Sprint(only(r, "name", "mac", "networks", "type", "options", "addresses", "external_ids", "logical_ip", "external_ip")))
		}
	}
	slices.Sort(list)
	return list
}

func plugAt(port, network string) Plug {
	return Plug{ID: "plug", Router: "r", MAC: "fa:16:3e:00:00:01", Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}, Port: port, Network: network}
}
