package ovn

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	tablePolicy  = "Logical_Router_Policy"
	tableBinding = "Static_MAC_Binding"
)

// The marks of what rules are made of, in external_ids. A stand-in has none of them.
const (
	keyRedirect = "bumpwire:redirect" // the scope
	keyTenant   = "bumpwire:tenant"
	keyRouter   = "bumpwire:router"
	keyRule     = "bumpwire:rule"
	keyFacts    = "bumpwire:facts" // with these the policy that keeps a rule
	keyTurns    = "bumpwire:turns" // that the rule's policies lead to
	keyTurn     = "bumpwire:turn"
	keyMember   = "bumpwire:member"
	keySlot     = "bumpwire:slot"
)

// Priorities of policies. Each rule has two of its own, so that a flow between two
// networks with a rule each passes the same one both ways.
const (
	keepPriority  = 1
	rulePriority  = 20000
	ruleMost      = 4000
	guardPriority = 29000
)

// policy is a row of a router's policies.
type policy struct {
	Priority int
	Match    string
	Action   string
	Next     string
	Marks    map[string]string
}

func (p policy) row() ovsdb.Row {
	row := ovsdb.Row{"priority": p.Priority, "match": p.Match, "action": p.Action, "external_ids": texts(p.Marks)}
	if p.Next != "" {
		row["nexthops"] = setOf(p.Next)
	}
	return row
}

func policyOf(r ovsdb.Row) policy {
	p := policy{Match: text(r, "match"), Action: text(r, "action"), Marks: map[string]string{}}
	p.Priority, _ = strconv.Atoi(fmt.Sprint(r["priority"]))
	for _, next := range set[string](r, "nexthops") {
		p.Next = next
	}
	m, _ := r["external_ids"].(ovsdb.OvsMap)
	for k, v := range m.GoMap {
		p.Marks[fmt.Sprint(k)] = fmt.Sprint(v)
	}
	return p
}

// set gives the operations after which a rule is as it is to be.
func (s bending) set(r Rule, scope string) (ops []ovsdb.Operation, err error) {
	if err := s.able(r); err != nil {
		return nil, err
	}
	turns, made, err := s.turnsFor(r, scope)
	if err != nil {
		return nil, err
	}
	place, err := s.place(r.ID)
	if err != nil {
		return nil, err
	}
	stale := s.stale(turns, scope)
	change := s.exchange(r, append(r.policies(turns, place, scope), s.guard(r, turns, stale, scope)))
	if len(made)+len(change) == 0 {
		return nil, nil
	}
	ops = []ovsdb.Operation{still(tableRouter, nameOf(r.Router))}
	for _, id := range networksOf(r.Members) {
		ops = append(ops, still(tableSwitch, nameOf(id)))
	}
	for _, t := range stale {
		ops = append(ops, t.remove(r.Router, s.peers)...)
	}
	return slices.Concat(ops, made, change), nil
}

// drop gives the operations after which a rule is not there.
func (s bending) drop(r Rule, scope string) []ovsdb.Operation {
	if s.router == nil {
		return nil
	}
	var policies []policy
	if slices.ContainsFunc(s.policies, func(row ovsdb.Row) bool { return rulesOwn(row) != "" && rulesOwn(row) != r.ID }) {
		policies = append(policies, s.guard(r, nil, nil, scope))
	}
	change := s.exchange(r, policies)
	if len(change) == 0 {
		return nil
	}
	return append([]ovsdb.Operation{still(tableRouter, nameOf(r.Router))}, change...)
}

// rulesOwn is the rule that a policy is of; of the guard it is none.
func rulesOwn(row ovsdb.Row) string { return pair(row, "external_ids", keyRule) }

// turnsIn are the turns that a rule's policies lead to.
func turnsIn(row ovsdb.Row) []string {
	return strings.Fields(pair(row, "external_ids", keyTurns))
}

// turnsFor are the turns of a rule's members, in their order, and what makes those that
// are not there, or not whole.
func (s bending) turnsFor(r Rule, scope string) (turns []turn, ops []ovsdb.Operation, err error) {
	there, taken := turnsOf(s.ports, scope), map[int]bool{}
	for _, m := range r.Members {
		t := there[turnName(scope, r.Router, m)]
		if t.whole(s.peers) {
			turns = append(turns, t)
			continue
		}
		if t.name == "" {
			if t.slot, err = free(s.ports, taken); err != nil {
				return nil, nil, err
			}
		}
		taken[t.slot] = true
		t.name, t.member = turnName(scope, r.Router, m), m.ID
		in, out := ends(t, m)
		ops = slices.Concat(ops, t.unplug(r.Router, s.peers), in.make(t, r, m, out, s.bound, scope, 2*len(turns)), out.make(t, r, m, in, s.bound, scope, 2*len(turns)+1))
		turns = append(turns, t)
	}
	return turns, ops, nil
}

// stale are the turns that no rule leads to, neither before the change nor after it:
// through those of before it packets may be on their way.
func (s bending) stale(turns []turn, scope string) (list []turn) {
	used := map[string]bool{}
	for _, t := range turns {
		used[t.name] = true
	}
	for _, row := range s.policies {
		for _, name := range turnsIn(row) {
			used[name] = true
		}
	}
	for name, t := range turnsOf(s.ports, scope) {
		if !used[name] {
			list = append(list, t)
		}
	}
	return list
}

// place is which of the router's rules one is: where it is already, or the first that
// is free.
func (s bending) place(id string) (int, error) {
	used := map[int]bool{}
	for _, row := range s.policies {
		p := policyOf(row)
		if rulesOwn(row) == "" || p.Priority < rulePriority {
			continue
		}
		if rulesOwn(row) == id {
			return (p.Priority - rulePriority) / 2, nil
		}
		used[(p.Priority-rulePriority)/2] = true
	}
	for n := range ruleMost {
		if !used[n] {
			return n, nil
		}
	}
	return 0, fault.New(fault.Conflict, "a router cannot have more than %d rules", ruleMost)
}

// policies are those of a rule. The first keeps it and matches nothing.
func (r Rule) policies(turns []turn, place int, scope string) []policy {
	marks := func() map[string]string {
		return map[string]string{keyRedirect: scope, keyTenant: r.Tenant, keyRouter: r.Router, keyRule: r.ID}
	}
	keep := policy{Priority: keepPriority, Match: "0", Action: "allow", Marks: marks()}
	keep.Marks[keyFacts] = r.Facts
	var names []string
	for _, t := range turns {
		names = append(names, t.name)
	}
	keep.Marks[keyTurns] = strings.Join(names, " ")
	list := []policy{keep}
	from, to := rulePriority+2*place+1, rulePriority+2*place
	for _, f := range r.Flows {
		if len(turns) == 0 {
			list = append(list, policy{from, f.From, "drop", "", marks()}, policy{to, f.To, "drop", "", marks()})
		}
		ip, version := "ip4", 0
		if f.Six {
			ip, version = "ip6", 1
		}
		for i, of := range share(r.Members) {
			if len(of) == 0 {
				continue
			}
			in, out := ends(turns[i], r.Members[i])
			list = append(list,
				policy{from, within(f.From, ip+".src", of), "reroute", in.next[version].String(), marks()},
				policy{to, within(f.To, ip+".dst", of), "reroute", out.next[version].String(), marks()})
		}
	}
	return list
}

// guard is the policy that comes before all rules'. It lets pass what has come back from
// a member, and what the router itself sends or is sent, which OVN would not take back:
// it drops what comes in from an address of the router's.
func (s bending) guard(r Rule, more, less []turn, scope string) policy {
	turns := map[string]bool{}
	for _, t := range more {
		turns[t.name] = true
	}
	addresses := map[bool][]string{}
	for _, p := range s.ports {
		if name := pair(p, "external_ids", keyTurn); name != "" { // whichever broker's
			turns[name] = true
			continue
		}
		for _, network := range set[string](p, "networks") {
			if a, err := netip.ParsePrefix(network); err == nil {
				addresses[a.Addr().Is6()] = append(addresses[a.Addr().Is6()], a.Addr().String())
			}
		}
	}
	for _, t := range less {
		delete(turns, t.name)
	}
	var ports, matches []string
	for _, name := range slices.Sorted(maps.Keys(turns)) {
		in, out := endNames(name)
		ports = append(ports, strconv.Quote(in), strconv.Quote(out))
	}
	if len(ports) > 0 {
		matches = append(matches, "inport == {"+strings.Join(ports, ", ")+"}")
	}
	for _, ip := range []string{"ip4", "ip6"} {
		if list := addresses[ip == "ip6"]; len(list) > 0 {
			slices.Sort(list)
			own := "{" + strings.Join(slices.Compact(list), ", ") + "}"
			matches = append(matches, ip+".src == "+own, ip+".dst == "+own)
		}
	}
	if len(matches) == 0 {
		matches = []string{"0"}
	}
	return policy{guardPriority, strings.Join(matches, " || "), "allow", "", map[string]string{keyRedirect: scope, keyRouter: r.Router}}
}

// exchange replaces a rule's policies, and the guard, by others, if they differ.
func (s bending) exchange(r Rule, with []policy) (ops []ovsdb.Operation) {
	var has []policy
	var old []ovsdb.UUID
	for _, row := range s.policies {
		if own := rulesOwn(row); own == r.ID || own == "" {
			has, old = append(has, policyOf(row)), append(old, idOf(row))
		}
	}
	if equal(has, with) {
		return nil
	}
	if len(old) > 0 {
		ops = append(ops, mutated(tableRouter, nameOf(r.Router), "policies", ovsdb.MutateOperationDelete, setOf(old...)))
	}
	for i, p := range with {
		as := fmt.Sprintf("policy%d", i)
		ops = append(ops, added(tablePolicy, as, p.row()),
			mutated(tableRouter, nameOf(r.Router), "policies", ovsdb.MutateOperationInsert, setOf(ovsdb.UUID{GoUUID: as})))
	}
	return ops
}

// equal says whether two lists have the same policies, in whatever order.
func equal(a, b []policy) bool {
	sorted := func(list []policy) (out []string) {
		for _, p := range list {
			out = append(out, encoded(p))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(sorted(a), sorted(b))
}
