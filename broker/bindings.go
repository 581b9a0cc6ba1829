package broker

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func bindingOf(i provision.Instance, b *provision.Binding) api.Binding {
	out := api.Binding{ID: string(b.ID), Instance: string(i.ID), State: string(b.State), Operation: operationOf(b.Operation)}
	if b.Stitch != nil {
		out.Network = string(b.Stitch.Network)
		if i.Mode == topology.Redirected && b.Stitch.Match != nil {
			out.Match = b.Stitch.Match.String()
		}
	}
	return out
}

func (s *Server) createBinding(ctx context.Context, c *call, n api.NewBinding) (api.Accepted, error) {
	i, err := s.managed(ctx, c)
	if err != nil {
		return api.Accepted{}, err
	}
	id := provision.BindingID(cmp.Or(n.ID, rand.Text()))
	out, err := s.Provision.Bind(ctx, provision.BindRequest{
		Instance: i.ID, ID: id, Predecessor: provision.BindingID(n.Predecessor), Platform: i.Platform, Service: i.Service, Plan: i.Plan,
		Parameters: n.Parameters, AcceptsIncomplete: true, Origin: c.origin(),
	})
	if err != nil {
		return api.Accepted{}, err
	}
	c.status = outcomeStatus(out.Outcome, 201)
	return api.Accepted{Instance: string(i.ID), Binding: string(id), Change: string(out.Operation)}, nil
}

func (s *Server) showBinding(ctx context.Context, c *call) (api.Binding, error) {
	i, err := s.managed(ctx, c)
	if err != nil {
		return api.Binding{}, err
	}
	b, out, err := s.Provision.Binding(ctx, "", i.ID, c.binding())
	if err != nil {
		return api.Binding{}, err
	}
	shown, given := bindingOf(i, &b), handedOut(out)
	shown.Credentials, shown.Endpoints = given.Credentials, given.Endpoints
	shown.Expires, shown.RenewBefore = out.Expires, out.RenewBefore
	return shown, nil
}

func (s *Server) deleteBinding(ctx context.Context, c *call) (api.Accepted, error) {
	return s.discard(ctx, c, s.Provision.Unbind)
}

func (s *Server) bindingOperation(ctx context.Context, c *call) (api.Operation, error) {
	if _, err := s.managed(ctx, c); err != nil {
		return api.Operation{}, err
	}
	op, err := s.Provision.BindingOperation(ctx, "", c.instance(), c.binding())
	return operationOf(op), err
}
