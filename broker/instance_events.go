package broker

import (
	"cmp"
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func (s *Server) instanceEvents(ctx context.Context, c *call) (api.List[api.Event], error) {
	i, err := s.owned(ctx, c)
	return api.List[api.Event]{Items: eventsOf(i)}, err
}

// mostEvents is how many events a list of all instances holds.
const mostEvents = 10_000

// listEvents is the latest that happened to what the caller may see, the oldest first.
func (s *Server) listEvents(ctx context.Context, c *call) (api.List[api.Event], error) {
	l := api.List[api.Event]{Items: []api.Event{}}
	for i, err := range s.Provision.Ever(ctx, topology.TenantID(c.who.tenantOnly())) {
		if err != nil {
			return l, err
		}
		if !c.who.sees(string(i.Tenant)) {
			continue
		}
		if l.Items = append(l.Items, eventsOf(i)...); len(l.Items) > 2*mostEvents {
			l.Items = latest(l.Items)
		}
	}
	l.Items = latest(l.Items)
	return l, nil
}

// latest are the last of all events, in order, each once.
func latest(all []api.Event) []api.Event {
	slices.SortFunc(all, func(a, b api.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Seq, b.Seq))
	})
	all = slices.CompactFunc(all, func(a, b api.Event) bool { return a.Instance == b.Instance && a.Seq == b.Seq })
	return slices.Delete(all, 0, max(0, len(all)-mostEvents))
}

func eventsOf(i provision.Instance) []api.Event {
	list := make([]api.Event, len(i.History))
	for n, e := range i.History {
		list[n] = api.Event{
			Seq: e.Seq, At: e.At, Instance: string(i.ID), Name: i.Name, Tenant: string(i.Tenant),
			State: string(e.State), Health: string(e.Health), Message: e.Said(), Binding: string(e.Binding), By: e.By, For: e.For, Request: e.Request,
		}
	}
	return list
}
