package ovn

import (
	"context"
	"net/netip"

	"github.com/ovn-kubernetes/libovsdb/client"
	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Translation is a floating IP and the host that has it.
type Translation struct{ External, Host netip.Addr }

// Distributed are the floating IPs at a router that are translated on the hosts' own
// machines. OVN does that nowhere else: what comes back to the router from a member
// on another machine leaves with the router's address.
func (n *Northbound) Distributed(ctx context.Context, router string) (list []Translation, err error) {
	err = n.session(ctx, func(ctx context.Context, c client.Client) error {
		results, err := n.transact(ctx, c, chosen(tableRouter, named(nameOf(router))))
		if err != nil || len(results[0].Rows) == 0 {
			return err
		}
		var each []ovsdb.Operation
		for _, id := range set[ovsdb.UUID](results[0].Rows[0], "nat") {
			each = append(each, chosen(tableNAT, itself(id)))
		}
		if len(each) == 0 {
			return nil
		}
		if results, err = n.transact(ctx, c, each...); err != nil {
			return err
		}
		for _, r := range results {
			for _, row := range r.Rows {
				if t, ok := distributed(row); ok {
					list = append(list, t)
				}
			}
		}
		return nil
	})
	return list, err
}

func distributed(row ovsdb.Row) (t Translation, ok bool) {
	if text(row, "type") != "dnat_and_snat" || len(set[string](row, "external_mac")) == 0 {
		return t, false
	}
	external, err := netip.ParseAddr(text(row, "external_ip"))
	if err != nil {
		return t, false
	}
	host, err := netip.ParseAddr(text(row, "logical_ip"))
	return Translation{external, host}, err == nil
}
