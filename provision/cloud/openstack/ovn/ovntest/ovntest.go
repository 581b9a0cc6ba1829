// Package ovntest is OVN's northbound database in memory, behind the protocol, and what
// Neutron's ML2/OVN writes there.
package ovntest

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"sync"
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
