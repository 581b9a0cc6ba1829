package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// alive answers as long as the process serves at all.
func (s *Server) alive(context.Context, *call) (content, error) {
	return content{"text/plain; charset=utf-8", []byte("ok\n")}, nil
}

// Drain has the broker answer that it is not ready, so that what stands in front of
// it sends requests elsewhere. Those that come all the same are served.
func (s *Server) Drain() { s.draining.Store(true) }

// ready answers when requests can be served: the store can be read, and the broker
// is not about to stop.
func (s *Server) ready(ctx context.Context, _ *call) (content, error) {
	if s.draining.Load() {
		return content{}, fault.New(fault.Unavailable, "this broker is stopping")
	}
	if err := s.Store.Ping(ctx); err != nil {
		s.Log.Warn("not ready", "error", err)
		return content{}, fault.New(fault.Unavailable, "the store does not answer")
	}
	return content{"text/plain; charset=utf-8", []byte("ok\n")}, nil
}

// mostCounted is how far the instances that are not well are counted.
const mostCounted = 100

// showHealth says how the broker and what it runs are doing. Tenants see their
// own instances, page by page; what is wrong with the cloud is the operator's to know.
// With unwell=true only the instances that are not well are listed.
func (s *Server) showHealth(ctx context.Context, c *call) (api.Overview, error) {
	o := api.Overview{Status: "ok", Version: s.Version, Cloud: s.Cloud.Name(), Problems: []string{}, Unwell: map[string]int{}, Instances: []api.InstanceHealth{}}
	limit, err := c.limit()
	if err != nil {
		return o, err
	}
	if c.who.role == api.Operator {
		for _, p := range s.Cloud.Check(ctx) {
			o.Problems = append(o.Problems, p.What+"; "+p.Remedy)
		}
	}
	tenant := topology.TenantID(c.who.tenantOnly())
	unwell, err := s.Provision.Unwell(ctx, tenant, mostCounted)
	if err != nil {
		return o, err
	}
	for status, n := range unwell {
		o.Unwell[string(status)] = n
	}
	if len(o.Problems)+len(unwell) > 0 {
		o.Status = "degraded"
	}
	f := provision.Filter{Tenant: tenant, Unwell: c.query.Get("unwell") == "true"}
	page, next, err := s.Provision.Page(ctx, f, topology.InstanceID(c.query.Get("after")), limit)
	for _, i := range page {
		o.Instances = append(o.Instances, api.InstanceHealth{
			ID: string(i.ID), Name: i.Name, Tenant: string(i.Tenant), State: string(i.State), Health: healthOf(i.Health),
		})
	}
	o.Next = string(next)
	return o, err
}
