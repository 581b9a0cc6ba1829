package sim

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Resources lists all that the cloud holds, by tenant, kind and id.
func (c *Cloud) Resources(ctx context.Context) (list []cloud.Resource, err error) {
	err = c.call(ctx, Call{Verb: Resources}, func() error {
		return c.view(func(w *world) error {
			for tenant, e := range w.Tenants {
				for _, r := range e.resources() {
					r.Tenant = tenant
					list = append(list, r)
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b cloud.Resource) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

func (e *estate) resources() (list []cloud.Resource) {
	for _, n := range e.Fabric.Networks {
		list = append(list, cloud.Resource{Kind: "network", ID: string(n.ID), Detail: string(n.Role)})
	}
	for _, g := range e.Fabric.Gateways {
		list = append(list, cloud.Resource{Kind: "gateway", ID: string(g.ID)})
		for _, p := range g.Plugs {
			list = append(list, cloud.Resource{Kind: "port", ID: string(p.Port), Detail: pluggedInto(p.At)})
		}
	}
	for _, a := range e.Fabric.Appliances {
		for _, l := range a.Legs {
			list = append(list, cloud.Resource{Kind: "port", ID: string(l.Port), Detail: pluggedInto(l.At)})
		}
		if a.Booted {
			list = append(list, cloud.Resource{Kind: "server", ID: string(a.ID), Detail: a.Name})
		}
	}
	for _, h := range e.Hosts {
		list = append(list, cloud.Resource{Kind: "host", ID: h.Name, Detail: pluggedInto(h.Network)})
	}
	return list
}

func pluggedInto(n topology.NetworkID) string {
	return strings.TrimSpace("in " + string(n))
}
