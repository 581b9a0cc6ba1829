package broker

import (
	"cmp"
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func operationOf(op provision.Operation) api.Operation {
	return api.Operation{
		ID: string(op.ID), Kind: string(op.Kind), State: string(op.State), Description: op.Description,
		Started: op.Started, Finished: op.Finished,
	}
}

func healthOf(h provision.Health) api.Health {
	return api.Health{Status: string(h.Status), Detail: h.Detail, Since: h.Since}
}

// names are the catalog's services, to give and understand names instead of ids.
type names map[catalog.ServiceID]catalog.Service

func (s *Server) names(ctx context.Context) (names, error) {
	services, err := s.Catalog.Services(ctx)
	if err != nil {
		return nil, err
	}
	n := names{}
	for _, service := range services {
		n[service.ID] = service
	}
	return n, nil
}

// service finds a service by id or name.
func (n names) service(given string) (catalog.Service, bool) {
	if service, ok := n[catalog.ServiceID(given)]; ok {
		return service, true
	}
	for _, service := range n {
		if service.Name == given {
			return service, true
		}
	}
	return catalog.Service{}, false
}

// offer finds a service and one of its plans; no plan means the default one.
func (n names) offer(service, plan string) (catalog.ServiceID, catalog.PlanID, error) {
	found, ok := n.service(service)
	if !ok {
		return "", "", fault.New(fault.Invalid, "there is no service %q", service)
	}
	p, err := planOf(found, plan)
	return found.ID, p.ID, err
}

// planOf finds a service's plan by id or name, or its default one.
func planOf(s catalog.Service, given string) (catalog.Plan, error) {
	for _, p := range s.Plans {
		if given == "" && p.Default || given != "" && (string(p.ID) == given || p.Name == given) {
			return p, nil
		}
	}
	if given == "" && len(s.Plans) == 1 {
		return s.Plans[0], nil
	}
	return catalog.Plan{}, fault.New(fault.Invalid, "service %q has no plan %q", s.Name, given)
}

// located says in which of several regions an instance is.
func (s *Server) located(out api.Instance, i provision.Instance) api.Instance {
	out.Region = s.Provision.RegionName(i.Region)
	return out
}

// instance is an instance as people see it.
func (n names) instance(i provision.Instance) api.Instance {
	service := n[i.Service]
	out := api.Instance{
		ID: string(i.ID), Name: i.Name, Platform: i.Platform, Tenant: string(i.Tenant),
		Service: string(i.Service), ServiceName: service.Name, Plan: string(i.Plan),
		Package: string(i.Package), Configuration: i.Configuration, State: string(i.State), ManagedBy: catalog.ManagerTenant, Mode: i.Spelled(),
		Operation: operationOf(i.Operation), Networks: []string{}, Parameters: i.Values,
		Health: healthOf(i.Health), Bindings: []api.Binding{},
	}
	if (service.State == catalog.Published || service.State == catalog.Deprecated) && service.Package != i.Package {
		out.Upgrade = string(service.Package)
	}
	for _, p := range service.Plans {
		if p.ID == i.Plan {
			out.PlanName = p.Name
		}
	}
	for _, st := range i.Stitches {
		out.Networks = append(out.Networks, string(st.Network))
	}
	if i.Management.IsValid() {
		out.Management = i.Management.Addr().String()
	}
	if i.Provider != nil {
		out.ManagedBy, out.Bill = catalog.ManagerProvider, string(i.Provider.Bill)
	}
	steering(i, &out)
	upkeep(i, &out)
	for _, b := range i.Bindings {
		if b.State != provision.Deleted {
			out.Bindings = append(out.Bindings, bindingOf(i, b))
		}
		if b.Stitch != nil && b.InPlace {
			out.Networks = append(out.Networks, string(b.Stitch.Network))
		}
	}
	slices.Sort(out.Networks)
	slices.SortFunc(out.Bindings, func(a, b api.Binding) int { return cmp.Compare(a.ID, b.ID) })
	if len(i.History) > 0 {
		out.Created = i.History[0].At
	}
	return out
}

// steering adds which flows are redirected.
func steering(i provision.Instance, out *api.Instance) {
	if i.Mode != topology.Redirected {
		return
	}
	out.Match = topology.Classifier{}.String()
	if i.Match != nil {
		out.Match = i.Match.String()
	}
}
