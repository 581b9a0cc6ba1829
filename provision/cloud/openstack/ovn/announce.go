package ovn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// OVN says nothing of a router's port that has moved: bridges on the way, and OVN's own
// switches, take its MAC to be where they last heard it. What OVN does send, to all that
// is on a switch, is the queries of an IGMP querier, from a MAC that can be chosen. Of the
// source 0.0.0.0 they are no bid to be the network's querier (RFC 4541, section 2.1.1).

// keyBefore is, in other_config of a switch that speaks for a gateway, what it had there
// before, as JSON.
const keyBefore = "bumpwire:before"

// querying are the keys of other_config with which a switch sends queries (ovn-nb(5)).
func querying(mac string) map[string]string {
	return map[string]string{
		"mcast_snoop": "true", "mcast_flood_unregistered": "true", "mcast_querier": "true",
		"mcast_query_interval": "1", "mcast_eth_src": mac, "mcast_ip4_src": "0.0.0.0",
	}
}

// Announce has a network hear a gateway's MAC, once a second for so long, and leaves it as
// it was, also after one that was cut off. A network that has a querier of its own is left
// alone. It fails with Unavailable when the database is not reached, and with Conflict when the
// network is not in it.
func (n *Northbound) Announce(ctx context.Context, network, mac string, long time.Duration) error {
	whole := context.WithoutCancel(ctx) // of a change that is given up nobody knows whether it came about
	before, err := n.speak(whole, network, mac)
	if before == nil {
		return err
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case <-time.After(long):
		}
	}
	return errors.Join(err, n.hush(whole, network, before))
}

// speak has a switch send queries, and gives what it had set before, also when it is not known
// whether it sends any; nil when it does not.
func (n *Northbound) speak(ctx context.Context, network, mac string) (before map[string]string, err error) {
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, chosen(tableSwitch, named(nameOf(network))))
		if err != nil {
			return err
		}
		if len(results[0].Rows) == 0 {
			return fault.New(fault.Conflict, "network %s is not in OVN's northbound database", network)
		}
		row := results[0].Rows[0]
		had := map[string]string{}
		if left := pair(row, "other_config", keyBefore); left != "" {
			if err := json.Unmarshal([]byte(left), &had); err != nil {
				return fmt.Errorf("cannot read what switch %s had before it spoke for a gateway: %w", nameOf(network), err)
			}
		} else {
			for k := range querying(mac) {
				if v := pair(row, "other_config", k); v != "" {
					had[k] = v
				}
			}
		}
		if had["mcast_querier"] == "true" {
			return nil
		}
		now := querying(mac)
		now[keyBefore] = encoded(had)
		before = had
		return n.commit(ctx, c, configured(network, now))
	})
	return before, err
}

// hush gives a switch back what it had set before.
func (n *Northbound) hush(ctx context.Context, network string, before map[string]string) error {
	return n.session(ctx, func(ctx context.Context, c client.Client) error {
		return n.commit(ctx, c, configured(network, before))
	})
}

// configured sets those keys of a switch that speaking for a gateway takes, and takes
// away the others.
func configured(network string, to map[string]string) []ovsdb.Operation {
	keys := append(slices.Sorted(maps.Keys(querying(""))), keyBefore)
	mutations := []ovsdb.Mutation{*ovsdb.NewMutation("other_config", ovsdb.MutateOperationDelete, setOf(keys...))}
	if len(to) > 0 {
		mutations = append(mutations, *ovsdb.NewMutation("other_config", ovsdb.MutateOperationInsert, texts(to)))
	}
	return []ovsdb.Operation{{Op: ovsdb.OperationMutate, Table: tableSwitch, Where: []ovsdb.Condition{named(nameOf(network))}, Mutations: mutations}}
}
