package broker

import (
	"context"
	"net/url"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func escaped(segment string) string { return url.PathEscape(segment) }

// listServices: vendors see their own, tenants what is on offer, operators all.
func (s *Server) listServices(ctx context.Context, c *call) (api.List[api.Service], error) {
	l := api.List[api.Service]{Items: []api.Service{}}
	all, err := s.Catalog.Services(ctx)
	if err != nil {
		return l, err
	}
	wanted := c.query.Get("vendor")
	for _, service := range all {
		if c.who.mayRead(service) && (wanted == "" || wanted == service.Vendor) {
			l.Items = append(l.Items, service)
		}
	}
	return l, nil
}

func (c caller) mayRead(s catalog.Service) bool {
	if c.role == api.Tenant {
		return s.State == catalog.Published || s.State == catalog.Deprecated
	}
	return c.sells(s.Vendor)
}

func (s *Server) showService(ctx context.Context, c *call) (api.Service, error) {
	names, err := s.names(ctx)
	if err != nil {
		return api.Service{}, err
	}
	service, ok := names.service(c.vars["service"])
	if !ok || !c.who.mayRead(service) {
		return api.Service{}, fault.New(fault.NotFound, "there is no service %q", c.vars["service"])
	}
	return service, nil
}

func (s *Server) publishService(ctx context.Context, c *call, p api.Publication) (api.Service, error) {
	service, err := s.showService(ctx, c)
	if err != nil {
		return api.Service{}, err
	}
	return s.Catalog.Publish(ctx, service.ID, p.Insertion)
}

func (s *Server) deprecateService(ctx context.Context, c *call) (api.Service, error) {
	return s.turn(ctx, c, s.Catalog.Deprecate)
}

func (s *Server) retireService(ctx context.Context, c *call) (api.Service, error) {
	return s.turn(ctx, c, s.Catalog.Retire)
}

func (s *Server) turn(ctx context.Context, c *call, do func(context.Context, catalog.ServiceID) (catalog.Service, error)) (api.Service, error) {
	service, err := s.showService(ctx, c)
	if err != nil {
		return api.Service{}, err
	}
	return do(ctx, service.ID)
}

func (s *Server) setPrice(ctx context.Context, c *call, n api.NewPrice) (api.Service, error) {
	service, err := s.showService(ctx, c)
	if err != nil {
		return api.Service{}, err
	}
	plan, err := planOf(service, n.Plan)
	if err != nil {
		return api.Service{}, err
	}
	if n.Tenant != "" && c.who.role != api.Operator {
		return api.Service{}, fault.New(fault.Forbidden, "contracts with tenants are the operator's")
	}
	if n.Tenant != "" {
		_, err := s.Catalog.SetContract(ctx, service.ID, plan.ID, n.Price)
		return service, err
	}
	return s.Catalog.SetPrice(ctx, service.ID, plan.ID, n.Price)
}

// listContracts are a service's: for tenants their own.
func (s *Server) listContracts(ctx context.Context, c *call) (api.List[api.Contract], error) {
	service, err := s.showService(ctx, c)
	if err != nil {
		return api.List[api.Contract]{}, err
	}
	all, err := s.Catalog.Contracts(ctx, service.ID)
	return api.List[api.Contract]{Items: slices.DeleteFunc(all, func(k api.Contract) bool {
		return !c.who.sees(k.Tenant)
	})}, err
}
