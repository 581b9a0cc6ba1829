package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// listChanges lists changes, the newest first.
func (s *Server) listChanges(ctx context.Context, c *call) (api.List[api.Change], error) {
	l := api.List[api.Change]{Items: []api.Change{}}
	lanes := []work.Lane{""}
	if own := c.who.tenantOnly(); own != "" {
		lanes = s.Provision.Lanes(topology.TenantID(own))
	}
	var all []work.Change
	for _, lane := range lanes {
		some, err := s.Engine.List(ctx, work.Filter{Status: work.Status(c.query.Get("status")), Lane: lane, Subject: c.query.Get("instance")})
		if err != nil {
			return l, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b work.Change) int { return b.Created.Compare(a.Created) })
	for _, ch := range all {
		l.Items = append(l.Items, s.changeOf(ch))
	}
	return l, nil
}

func (s *Server) showChange(ctx context.Context, c *call) (api.Change, error) {
	ch, err := s.Engine.Get(ctx, work.ChangeID(c.vars["change"]))
	if err == nil && !c.who.sees(string(provision.PlaceOf(ch.Lane).Tenant)) {
		err = fault.New(fault.NotFound, "change %q does not exist", c.vars["change"])
	}
	if err != nil {
		return api.Change{}, err
	}
	return s.changeOf(ch), nil
}

func (s *Server) retryChange(ctx context.Context, c *call) (api.Change, error) {
	if err := s.Engine.Retry(ctx, work.ChangeID(c.vars["change"])); err != nil {
		return api.Change{}, err
	}
	return s.showChange(ctx, c)
}

func (s *Server) abandonChange(ctx context.Context, c *call, a api.Abandonment) (api.Change, error) {
	if err := required(field{"reason", a.Reason}); err != nil {
		return api.Change{}, err
	}
	if err := s.Engine.Abandon(ctx, work.ChangeID(c.vars["change"]), a.Reason); err != nil {
		return api.Change{}, err
	}
	return s.showChange(ctx, c)
}

func (s *Server) changeOf(ch work.Change) api.Change {
	p := provision.PlaceOf(ch.Lane)
	out := api.Change{
		ID: string(ch.ID), Kind: string(ch.Kind), Tenant: string(p.Tenant), Region: s.Provision.RegionName(p.Region), Subject: ch.Subject,
		Status: string(ch.Status), Error: ch.Error, Reason: ch.Reason,
		Created: ch.Created, Started: ch.Started, Finished: ch.Finished,
	}
	for _, t := range ch.Tasks {
		out.Tasks = append(out.Tasks, api.Task{Kind: string(t.Kind), Summary: t.Summary, Status: string(t.Status), Note: t.Note, Error: t.Error})
	}
	return out
}
