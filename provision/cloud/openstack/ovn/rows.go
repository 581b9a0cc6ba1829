package ovn

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

const (
	tableRouter     = "Logical_Router"
	tableRouterPort = "Logical_Router_Port"
	tableSwitch     = "Logical_Switch"
	tableSwitchPort = "Logical_Switch_Port"
	tableNAT        = "NAT"
)

// Neutron's names for what it has in the database.
func nameOf(id string) string    { return "neutron-" + id } // of a network's switch, or a router
func legNameOf(id string) string { return "lrp-" + id }     // of a port, at its router

// A snapshot is what the database shows of a plug at one moment. A row that is not
// there is nil.
type snapshot struct {
	router, landing ovsdb.Row // of the network that the plug goes to
	leg, peer       ovsdb.Row // the port that Neutron says the router has: at the router, at the switch
	standIns        []standIn
	nat             []ovsdb.Row // of the router
}

// snapshot reads all in one transaction, but for the router's NAT.
func (n *Northbound) snapshot(ctx context.Context, c client.Client, p Plug, to string) (s snapshot, err error) {
	mark := ovsdb.NewCondition("external_ids", ovsdb.ConditionIncludes, texts(map[string]string{keyScope: n.scope, keyPlug: p.ID}))
	results, err := n.transact(ctx, c,
		chosen(tableRouter, named(nameOf(p.Router))),
		chosen(tableSwitch, named(nameOf(to))),
		chosen(tableRouterPort, named(legNameOf(p.Port))),
		chosen(tableSwitchPort, named(p.Port)),
		chosen(tableRouterPort, mark),
		chosen(tableSwitchPort, mark),
	)
	if err != nil {
		return s, err
	}
	for i, row := range []*ovsdb.Row{&s.router, &s.landing, &s.leg, &s.peer} {
		if len(results[i].Rows) > 0 {
			*row = results[i].Rows[0]
		}
	}
	if s.standIns, err = standInsOf(results[4].Rows, results[5].Rows); err != nil {
		return s, err
	}
	var each []ovsdb.Operation
	for _, id := range set[ovsdb.UUID](s.router, "nat") {
		each = append(each, chosen(tableNAT, itself(id)))
	}
	if len(s.standIns) == 0 || len(each) == 0 {
		return s, nil
	}
	if results, err = n.transact(ctx, c, each...); err != nil {
		return s, err
	}
	for _, r := range results {
		s.nat = append(s.nat, r.Rows...)
	}
	return s, nil
}

func chosen(table string, where ...ovsdb.Condition) ovsdb.Operation {
	return ovsdb.Operation{Op: ovsdb.OperationSelect, Table: table, Where: where}
}

func named(name string) ovsdb.Condition {
	return ovsdb.NewCondition("name", ovsdb.ConditionEqual, name)
}

func itself(id ovsdb.UUID) ovsdb.Condition {
	return ovsdb.NewCondition("_uuid", ovsdb.ConditionEqual, id)
}

func text(r ovsdb.Row, column string) string {
	s, _ := r[column].(string)
	return s
}

func idOf(r ovsdb.Row) ovsdb.UUID {
	id, _ := r["_uuid"].(ovsdb.UUID)
	return id
}

// set is a column's values; of one value the database says no set.
func set[T any](r ovsdb.Row, column string) (list []T) {
	switch v := r[column].(type) {
	case T:
		return []T{v}
	case ovsdb.OvsSet:
		for _, o := range v.GoSet {
			if t, ok := o.(T); ok {
				list = append(list, t)
			}
		}
	}
	return list
}

// pair is the value of a key in a column.
func pair(r ovsdb.Row, column, key string) string {
	m, _ := r[column].(ovsdb.OvsMap)
	s, _ := m.GoMap[key].(string)
	return s
}

func texts(m map[string]string) ovsdb.OvsMap {
	out := ovsdb.OvsMap{GoMap: map[any]any{}}
	for k, v := range m {
		out.GoMap[k] = v
	}
	return out
}

func setOf[T any](list ...T) ovsdb.OvsSet {
	out := ovsdb.OvsSet{GoSet: []any{}}
	for _, o := range list {
		out.GoSet = append(out.GoSet, o)
	}
	return out
}

// only is a row with some of its columns.
func only(r ovsdb.Row, columns ...string) ovsdb.Row {
	if r == nil {
		return nil
	}
	out := maps.Clone(r)
	maps.DeleteFunc(out, func(k string, _ any) bool { return !slices.Contains(columns, k) })
	return out
}

func encoded(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // rows came as JSON
	}
	return string(raw)
}
