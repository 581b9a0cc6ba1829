package broker

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// acceptsIncomplete: only the literal true allows an answer of 202.
func (c *call) acceptsIncomplete() bool { return c.query.Get("accepts_incomplete") == "true" }

func (c *call) instance() topology.InstanceID { return topology.InstanceID(c.vars["instance"]) }

// osbProvision is PUT /v2/service_instances/:instance_id.
func (s *Server) osbProvision(ctx context.Context, c *call, r api.OSBProvision) (api.OSBAccepted, error) {
	if err := required(field{"service_id", r.ServiceID}, field{"plan_id", r.PlanID},
		field{"organization_guid", r.OrganizationGUID}, field{"space_guid", r.SpaceGUID}); err != nil {
		return api.OSBAccepted{}, err
	}
	tenant, err := c.who.rules.tenant(r.OrganizationGUID, r.Context)
	if err != nil {
		return api.OSBAccepted{}, err
	}
	if err := s.checkVisible(ctx, c, r.ServiceID, r.PlanID); err != nil {
		return api.OSBAccepted{}, err
	}
	out, err := s.Provision.Provision(ctx, provision.ProvisionRequest{
		ID: c.instance(), Platform: c.who.name, Tenant: tenant,
		Service: catalog.ServiceID(r.ServiceID), Plan: catalog.PlanID(r.PlanID),
		Organization: r.OrganizationGUID, Space: r.SpaceGUID,
		Context: r.Context, Parameters: r.Parameters, Version: wantedVersion(r.MaintenanceInfo), AcceptsIncomplete: c.acceptsIncomplete(),
		Allowances: c.who.rules.allowances(c.who.name, tenant), Origin: c.origin(),
	})
	if err != nil {
		return api.OSBAccepted{}, err
	}
	c.status = outcomeStatus(out, http.StatusCreated)
	return api.OSBAccepted{Operation: string(out.Operation)}, nil
}

// outcomeStatus is 202 for what goes on, 200 for what was there before, and
// fresh for what was done inside the request.
func outcomeStatus(out provision.Outcome, fresh int) int {
	switch {
	case out.Progress:
		return http.StatusAccepted
	case out.Existed:
		return http.StatusOK
	}
	return fresh
}

// checkVisible: what a platform does not see does not exist for its new instances.
func (s *Server) checkVisible(ctx context.Context, c *call, service, plan string) error {
	if len(c.who.rules.Services) == 0 {
		return nil
	}
	found, err := s.Catalog.Service(ctx, catalog.ServiceID(service))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	for _, p := range found.Plans {
		if string(p.ID) == plan && c.who.rules.sees(found, p) {
			return nil
		}
	}
	return fault.New(fault.Invalid, "there is no such service and plan on offer for this platform")
}

type field struct{ name, value string }

func required(fields ...field) error {
	for _, f := range fields {
		if f.value == "" {
			return fault.New(fault.Invalid, "%s is required and must not be empty", f.name)
		}
	}
	return nil
}

// osbFetch is GET /v2/service_instances/:instance_id.
func (s *Server) osbFetch(ctx context.Context, c *call) (api.OSBInstance, error) {
	i, err := s.Provision.Instance(ctx, c.who.name, c.instance())
	if err != nil {
		return api.OSBInstance{}, err
	}
	if i.State == provision.Provisioning || i.State == provision.Failed {
		return api.OSBInstance{}, fault.New(fault.NotFound, "instance %q does not exist yet", i.ID)
	}
	if err := s.checkHints(c, i); err != nil {
		return api.OSBInstance{}, err
	}
	return api.OSBInstance{
		ServiceID: string(i.Service), PlanID: string(i.Plan), Parameters: s.typedParameters(ctx, i),
		MaintenanceInfo: &api.MaintenanceInfo{Version: i.Package.MaintenanceVersion()},
	}, nil
}

// checkHints refuses service_id and plan_id in a query that are not the instance's.
// During an update either plan is.
func (s *Server) checkHints(c *call, i provision.Instance) error {
	service, plan := c.query.Get("service_id"), c.query.Get("plan_id")
	switch {
	case service != "" && service != string(i.Service):
		return fault.New(fault.Invalid, "instance %q does not have this service_id", i.ID)
	case plan != "" && !i.GoesBy(catalog.PlanID(plan)):
		return fault.New(fault.Invalid, "instance %q does not have this plan_id", i.ID)
	}
	return nil
}

// typedParameters are the parameters as they were sent, without passwords:
// numbers and booleans are kept as text and get their type back from the schema.
func (s *Server) typedParameters(ctx context.Context, i provision.Instance) map[string]any {
	var p map[string]any
	if json.Unmarshal(provision.ParametersOf(i), &p) != nil || len(p) == 0 {
		return nil
	}
	types := s.parameterTypes(ctx, i)
	for name, v := range p {
		text, ok := v.(string)
		if !ok {
			continue
		}
		switch types[name] {
		case "integer", "number":
			p[name] = json.Number(text)
		case "boolean":
			p[name] = text == "true"
		}
	}
	return p
}

func (s *Server) parameterTypes(ctx context.Context, i provision.Instance) map[string]string {
	types := map[string]string{}
	service, err := s.Catalog.Service(ctx, i.Service)
	if err != nil {
		return types
	}
	var schema struct {
		Properties map[string]struct {
			Type any `json:"type"`
		} `json:"properties"`
	}
	for _, p := range service.Plans {
		if p.ID == i.Plan && json.Unmarshal(p.Schema, &schema) == nil {
			for name, property := range schema.Properties {
				types[name], _ = property.Type.(string)
			}
		}
	}
	return types
}

// osbDeprovision is DELETE /v2/service_instances/:instance_id.
func (s *Server) osbDeprovision(ctx context.Context, c *call) (api.OSBAccepted, error) {
	return s.remove(ctx, c, s.Provision.Deprovision)
}

// remove is both DELETEs.
func (s *Server) remove(ctx context.Context, c *call, do func(context.Context, provision.RemoveRequest) (provision.Outcome, error)) (api.OSBAccepted, error) {
	service, plan := c.query.Get("service_id"), c.query.Get("plan_id")
	if err := required(field{"service_id", service}, field{"plan_id", plan}); err != nil {
		return api.OSBAccepted{}, err
	}
	out, err := do(ctx, provision.RemoveRequest{
		Instance: c.instance(), Binding: provision.BindingID(c.vars["binding"]), Platform: c.who.name,
		Service: catalog.ServiceID(service), Plan: catalog.PlanID(plan), AcceptsIncomplete: c.acceptsIncomplete(),
		UnbindFirst: c.who.rules.Dialect.UnbindFirst, Origin: c.origin(),
	})
	if err != nil {
		return api.OSBAccepted{}, err
	}
	c.status = outcomeStatus(out, http.StatusOK)
	return api.OSBAccepted{Operation: string(out.Operation)}, nil
}

// osbLastOperation is GET /v2/service_instances/:instance_id/last_operation. It
// answers for the latest operation, also when the query names none (osb.md L7), or
// one that was made up, unless StrictOperation is set (L5).
func (s *Server) osbLastOperation(ctx context.Context, c *call) (api.LastOperation, error) {
	op, err := s.Provision.Operation(ctx, c.who.name, c.instance())
	if err != nil {
		return api.LastOperation{}, err
	}
	l, err := s.lastOperation(c, op)
	if err != nil {
		return api.LastOperation{}, err
	}
	if op.State == provision.OpFailed && op.Kind == provision.KindUpdate {
		l.InstanceUsable, l.UpdateRepeatable = yes(), yes() // it is as it was, and what failed may be mended
	}
	if op.State == provision.OpFailed && op.Kind == provision.KindDeprovision {
		i, err := s.Provision.Instance(ctx, c.who.name, c.instance())
		if err != nil {
			return api.LastOperation{}, err
		}
		usable := i.State == provision.Active
		l.InstanceUsable = &usable
	}
	return l, nil
}

// lastOperation translates, and says when to ask again. An instance that never
// had an operation has succeeded (osb.md L10). What was removed is gone for
// platforms that want it so (osb.md L3).
func (s *Server) lastOperation(c *call, op provision.Operation) (api.LastOperation, error) {
	removed := op.State == provision.Succeeded && (op.Kind == provision.KindDeprovision || op.Kind == provision.KindUnbind)
	switch {
	case op.State == "":
		return api.LastOperation{State: api.Succeeded}, nil
	case removed && c.who.rules.Dialect.GoneAfterDelete:
		return api.LastOperation{}, fault.New(fault.Gone, "it was removed")
	}
	if given := c.query.Get("operation"); s.StrictOperation && given != "" && given != string(op.ID) {
		return api.LastOperation{}, fault.New(fault.Invalid, "the operation in the query is not the latest one")
	}
	if op.State == provision.InProgress {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(s.RetryAfter.Seconds()))))
	}
	return api.LastOperation{State: string(op.State), Description: op.Description}, nil
}
