package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// preview says what a request would do, and does nothing.
func (s *Server) preview(ctx context.Context, c *call, r api.PreviewRequest) (api.Preview, error) {
	given := 0
	for _, there := range []bool{r.Create != nil, r.Insert != nil, r.Update != nil, r.Delete != nil} {
		if there {
			given++
		}
	}
	switch {
	case given != 1:
	case r.Create != nil:
		request, err := s.provisionRequest(ctx, c, *r.Create)
		if err != nil {
			return api.Preview{}, err
		}
		return previewOf(s.Provision.Preview(ctx, request))
	case r.Insert != nil:
		request, err := s.insertion(ctx, c, *r.Insert)
		if err != nil {
			return api.Preview{}, err
		}
		return previewOf(s.Provision.Preview(ctx, request))
	case r.Update != nil:
		c.vars["instance"] = r.Update.Instance
		request, err := s.updateRequest(ctx, c, r.Update.InstanceUpdate)
		if err != nil {
			return api.Preview{}, err
		}
		return previewOf(s.Provision.PreviewUpdate(ctx, request))
	case r.Delete != nil:
		c.vars["instance"] = r.Delete.Instance
		i, err := s.managed(ctx, c)
		if err != nil {
			return api.Preview{}, err
		}
		return previewOf(s.Provision.PreviewRemoval(ctx, provision.RemoveRequest{
			Instance: i.ID, Binding: provision.BindingID(r.Delete.Binding), Platform: i.Platform, Service: i.Service, Plan: i.Plan,
		}))
	}
	return api.Preview{}, fault.New(fault.Invalid, "say one of what to create, what to insert, what to update and what to delete")
}

func previewOf(p provision.Preview, err error) (api.Preview, error) {
	if err != nil {
		return api.Preview{}, err
	}
	return api.Preview{Proposal: p.Proposal, PriceBefore: p.PriceBefore, PriceAfter: p.PriceAfter, Text: topology.Text(p.Steps)}, nil
}
