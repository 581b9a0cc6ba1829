package ovn

import (
	"context"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// How a router sends flows through appliances. A member is a wire between two networks.
// The router has a port of ours on each of them, which together are a turn. Policies,
// which a router asks after its table of routes, send the packets of local hosts out of
// the one port, to the MAC of the other, and the packets to them the other way round.
// What comes in at either port is routed as always, for no policy is asked there.

// Rule has a router send what it means through members.
type Rule struct {
	ID      string
	Tenant  string
	Router  string // Neutron's id
	Facts   string // the caller's, which Rules gives back
	Flows   []Flow
	Members []Member // none: what it means is dropped
}

// Flow is what a rule means of one version of IP, as matches of ovn-nb(5).
type Flow struct {
	Six  bool
	From string // packets of local hosts
	To   string // packets to local hosts
}

// Member is a wire between two networks of Neutron's.
type Member struct {
	ID      string // the broker's
	Inside  string // at the end of local hosts
	Outside string
}

// Kept is a rule as the database has it.
type Kept struct {
	ID, Tenant, Router, Facts string
	Members                   []string // those that the router has both its ports at
}

// Turn is one of a router's ports at a member.
type Turn struct{ Name, Tenant string }

// SetRule makes a rule, or changes it, in one transaction. Again it does nothing. It
// fails with Unavailable when the database is not reached, and with Conflict when the
// router or a member's network is not in it.
func (n *Northbound) SetRule(ctx context.Context, r Rule) error {
	return n.ruling(ctx, r, func(s bending) ([]ovsdb.Operation, error) { return s.set(r, n.scope) })
}

// DropRule removes a rule. The router keeps its ports at members, through which packets
// may be on their way, until their networks go (see Forget) or another rule changes. A
// rule that is not there is no error, nor is a router.
func (n *Northbound) DropRule(ctx context.Context, router, id string) error {
	r := Rule{ID: id, Router: router}
	return n.ruling(ctx, r, func(s bending) ([]ovsdb.Operation, error) { return s.drop(r, n.scope), nil })
}

func (n *Northbound) ruling(ctx context.Context, r Rule, change func(bending) ([]ovsdb.Operation, error)) error {
	return n.session(ctx, func(ctx context.Context, c client.Client) error {
		s, err := n.bent(ctx, c, r)
		if err != nil {
			return err
		}
		ops, err := change(s)
		if err != nil {
			return err
		}
		return n.commit(ctx, c, ops)
	})
}

// Rules are those of a tenant's routers; with an empty name, of all tenants'.
func (n *Northbound) Rules(ctx context.Context, tenant string) (list []Kept, err error) {
	marks := map[string]string{keyRedirect: n.scope}
	if tenant != "" {
		marks[keyTenant] = tenant
	}
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, chosen(tablePolicy, marked(marks)), chosen(tableRouterPort, marked(marks)), chosen(tableSwitchPort, marked(marks)))
		if err != nil {
			return err
		}
		there := turnsOf(results[1].Rows, n.scope)
		for _, row := range results[0].Rows {
			if pair(row, "external_ids", keyFacts) == "" {
				continue
			}
			k := Kept{ID: pair(row, "external_ids", keyRule), Tenant: pair(row, "external_ids", keyTenant), Router: pair(row, "external_ids", keyRouter), Facts: pair(row, "external_ids", keyFacts)}
			for _, t := range turnsIn(row) {
				if found := there[t]; found.whole(results[2].Rows) {
					k.Members = append(k.Members, found.member)
				}
			}
			list = append(list, k)
		}
		return nil
	})
	return list, err
}

// Turns are all ports of ours at members.
func (n *Northbound) Turns(ctx context.Context) (list []Turn, err error) {
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, chosen(tableRouterPort, marked(map[string]string{keyRedirect: n.scope})))
		if err != nil {
			return err
		}
		for _, row := range results[0].Rows {
			list = append(list, Turn{text(row, "name"), pair(row, "external_ids", keyTenant)})
		}
		return nil
	})
	return list, err
}

// Forget removes routers' ports at members on a network of ours that is to go. Again it
// does nothing.
func (n *Northbound) Forget(ctx context.Context, network string) error {
	return n.session(ctx, func(ctx context.Context, c client.Client) error {
		at := marked(map[string]string{keyRedirect: n.scope, keyNetwork: network})
		results, err := n.transact(ctx, c, chosen(tableRouterPort, at), chosen(tableSwitchPort, at))
		if err != nil {
			return err
		}
		var ops []ovsdb.Operation
		for _, leg := range results[0].Rows {
			ops = append(ops, taken(tableRouter, nameOf(pair(leg, "external_ids", keyRouter)), idOf(leg)), unbound(text(leg, "name")))
		}
		for _, peer := range results[1].Rows { // its router may be gone
			ops = append(ops, taken(tableSwitch, nameOf(network), idOf(peer)), unbound(pair(peer, "options", "router-port")))
		}
		return n.commit(ctx, c, ops)
	})
}

// A bending is what the database shows of a router that sends flows through members.
type bending struct {
	router   ovsdb.Row
	ports    []ovsdb.Row // all of the router's
	policies []ovsdb.Row // of ours
	peers    []ovsdb.Row // the other ends of the router's ports of ours
	bound    []ovsdb.Row // the static bindings of the ports that the members of the rule want
	missing  string      // a member's network that is not there
}

// bent reads what a rule's change has to know.
func (n *Northbound) bent(ctx context.Context, c client.Client, r Rule) (s bending, err error) {
	ours := marked(map[string]string{keyRedirect: n.scope, keyRouter: r.Router})
	asked := []ovsdb.Operation{chosen(tableRouter, named(nameOf(r.Router))), chosen(tablePolicy, ours), chosen(tableSwitchPort, ours)}
	networks := networksOf(r.Members)
	for _, id := range networks {
		asked = append(asked, chosen(tableSwitch, named(nameOf(id))))
	}
	for _, m := range r.Members {
		in, out := endNames(turnName(n.scope, r.Router, m))
		asked = append(asked, boundTo(in), boundTo(out))
	}
	results, err := n.transact(ctx, c, asked...)
	if err != nil {
		return s, err
	}
	s.policies, s.peers = results[1].Rows, results[2].Rows
	for i, id := range networks {
		if len(results[3+i].Rows) == 0 {
			s.missing = id
		}
	}
	for _, r := range results[3+len(networks):] {
		s.bound = append(s.bound, r.Rows...)
	}
	if len(results[0].Rows) == 0 {
		return s, nil
	}
	s.router = results[0].Rows[0]
	var each []ovsdb.Operation
	for _, id := range set[ovsdb.UUID](s.router, "ports") {
		each = append(each, chosen(tableRouterPort, itself(id)))
	}
	if len(each) == 0 {
		return s, nil
	}
	if results, err = n.transact(ctx, c, each...); err != nil {
		return s, err
	}
	for _, r := range results {
		s.ports = append(s.ports, r.Rows...)
	}
	return s, nil
}

func boundTo(port string) ovsdb.Operation {
	return chosen(tableBinding, ovsdb.NewCondition("logical_port", ovsdb.ConditionEqual, port))
}

func networksOf(members []Member) (list []string) {
	for _, m := range members {
		list = append(list, m.Inside, m.Outside)
	}
	return list
}

// able refuses what OVN does not have.
func (s bending) able(r Rule) error {
	switch {
	case s.router == nil:
		return fault.New(fault.Conflict, "router %s is not in OVN's northbound database, so nothing can be redirected there: use a service in path", r.Router)
	case s.missing != "":
		return fault.New(fault.Conflict, "network %s is not in OVN's northbound database, so nothing can be redirected through an appliance there: use a service in path", s.missing)
	}
	return nil
}
