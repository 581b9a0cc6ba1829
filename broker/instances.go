package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// listInstances lists instances by id, from after on: a page of limit, at most and by
// default mostListed.
func (s *Server) listInstances(ctx context.Context, c *call) (api.List[api.Instance], error) {
	l := api.List[api.Instance]{Items: []api.Instance{}}
	f := provision.Filter{
		Tenant: topology.TenantID(c.query.Get("tenant")), Platform: c.query.Get("platform"),
		State: provision.State(c.query.Get("state")),
	}
	if own := c.who.tenantOnly(); own != "" {
		if f.Tenant != "" && string(f.Tenant) != own {
			return l, nil
		}
		f.Tenant = topology.TenantID(own)
	}
	names, err := s.names(ctx)
	if err != nil {
		return l, err
	}
	if given := c.query.Get("service"); given != "" {
		service, ok := names.service(given)
		if !ok {
			return l, fault.New(fault.NotFound, "there is no service %q", given)
		}
		f.Service = service.ID
	}
	limit, err := c.limit()
	if err != nil {
		return l, err
	}
	page, next, err := s.Provision.Page(ctx, f, topology.InstanceID(c.query.Get("after")), limit)
	if err != nil {
		return l, err
	}
	for _, i := range page {
		l.Items = append(l.Items, veiled(c.who, s.located(names.instance(i), i)))
	}
	l.Next = string(next)
	return l, nil
}

func (s *Server) showInstance(ctx context.Context, c *call) (api.Instance, error) {
	i, err := s.owned(ctx, c)
	if err != nil {
		return api.Instance{}, err
	}
	if i.State == provision.Deleted {
		return api.Instance{}, fault.New(fault.NotFound, "instance %q was deleted; its events are still there", i.ID)
	}
	names, err := s.names(ctx)
	if err != nil {
		return api.Instance{}, err
	}
	return veiled(c.who, s.located(names.instance(i), i)), nil
}

// owned is the instance of the path, if it exists for the caller; deleted ones too,
// for their history.
func (s *Server) owned(ctx context.Context, c *call) (provision.Instance, error) {
	i, err := s.Provision.Tombstone(ctx, "", c.instance())
	if err != nil {
		return i, err
	}
	if !c.who.sees(string(i.Tenant)) {
		return i, fault.New(fault.NotFound, "instance %q does not exist", c.instance())
	}
	return i, nil
}

// createInstance makes an instance for a tenant without a platform in between.
func (s *Server) createInstance(ctx context.Context, c *call, n api.NewInstance) (api.Accepted, error) {
	n.ID = cmp.Or(n.ID, rand.Text())
	r, err := s.provisionRequest(ctx, c, n)
	if err != nil {
		return api.Accepted{}, err
	}
	return s.provision(ctx, c, r)
}

func (s *Server) provision(ctx context.Context, c *call, r provision.ProvisionRequest) (api.Accepted, error) {
	out, err := s.Provision.Provision(ctx, r)
	if err != nil {
		return api.Accepted{}, err
	}
	c.status = outcomeStatus(out, c.status)
	return api.Accepted{Instance: string(r.ID), Change: string(out.Operation)}, nil
}

// provisionRequest is what a user asks for in the words of package provision.
func (s *Server) provisionRequest(ctx context.Context, c *call, n api.NewInstance) (provision.ProvisionRequest, error) {
	var r provision.ProvisionRequest
	if own := c.who.tenantOnly(); own != "" {
		if n.Tenant != "" && n.Tenant != own {
			return r, fault.New(fault.NotFound, "there is no tenant %q", n.Tenant)
		}
		n.Tenant = own
	}
	tenant, err := checkTenant(n.Tenant)
	if err != nil {
		return r, err
	}
	names, err := s.names(ctx)
	if err != nil {
		return r, err
	}
	service, plan, err := names.offer(n.Service, n.Plan)
	if err != nil {
		return r, err
	}
	about, err := json.Marshal(map[string]string{"platform": "bumpwire", "instance_name": cmp.Or(n.Name, n.ID)})
	if err != nil {
		return r, fmt.Errorf("cannot encode the context: %w", err)
	}
	return provision.ProvisionRequest{
		ID: topology.InstanceID(n.ID), Platform: c.who.by(), Tenant: tenant, Service: service, Plan: plan,
		Organization: n.Tenant, Space: n.Tenant, Context: about, Parameters: n.Parameters, AcceptsIncomplete: true,
		Origin: c.origin(),
	}, nil
}

func (s *Server) deleteInstance(ctx context.Context, c *call) (api.Accepted, error) {
	return s.discard(ctx, c, s.Provision.Deprovision)
}

// discard removes an instance or a binding of the path, whoever made it.
func (s *Server) discard(ctx context.Context, c *call, do func(context.Context, provision.RemoveRequest) (provision.Outcome, error)) (api.Accepted, error) {
	i, err := s.managed(ctx, c)
	if err != nil {
		return api.Accepted{}, err
	}
	out, err := do(ctx, provision.RemoveRequest{
		Instance: i.ID, Binding: c.binding(), Platform: i.Platform, Service: i.Service, Plan: i.Plan, AcceptsIncomplete: true,
		Origin: c.origin(),
	})
	if err != nil {
		return api.Accepted{}, err
	}
	c.status = outcomeStatus(out, 200)
	return api.Accepted{Instance: string(i.ID), Binding: c.vars["binding"], Change: string(out.Operation)}, nil
}

func (s *Server) instanceOperation(ctx context.Context, c *call) (api.Operation, error) {
	if _, err := s.owned(ctx, c); err != nil {
		return api.Operation{}, err
	}
	op, err := s.Provision.Operation(ctx, "", c.instance())
	return operationOf(op), err
}
