package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
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
