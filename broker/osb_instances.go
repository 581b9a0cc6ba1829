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
	if err := checkMaintenance(r.MaintenanceInfo); err != nil {
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
		Context: r.Context, Parameters: r.Parameters, AcceptsIncomplete: c.acceptsIncomplete(),
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

// checkMaintenance: no plan of ours has maintenance_info, so any version that a
// platform believes in is not the catalog's (osb.md P12).
func checkMaintenance(m *api.MaintenanceInfo) error {
	if m == nil || m.Version == "" {
		return nil
	}
	return &refusal{http.StatusUnprocessableEntity, api.OSBError{
		Error:       api.MaintenanceInfoConflict,
		Description: "The maintenance information for the requested Service Plan has changed: this plan has none.",
	}}
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
	return api.OSBInstance{ServiceID: string(i.Service), PlanID: string(i.Plan), Parameters: s.typedParameters(ctx, i)}, nil
}

// checkHints refuses service_id and plan_id in a query that are not the instance's.
func (s *Server) checkHints(c *call, i provision.Instance) error {
	for _, h := range []struct{ name, want string }{{"service_id", string(i.Service)}, {"plan_id", string(i.Plan)}} {
		if given := c.query.Get(h.name); given != "" && given != h.want {
			return fault.New(fault.Invalid, "instance %q does not have this %s", i.ID, h.name)
		}
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

// osbUpdate is PATCH /v2/service_instances/:instance_id. Services here have
// plan_updateable false: what would change the plan or the parameters is
// refused, what changes nothing is accepted.
func (s *Server) osbUpdate(ctx context.Context, c *call, r api.OSBUpdate) (api.OSBAccepted, error) {
	if err := required(field{"service_id", r.ServiceID}); err != nil {
		return api.OSBAccepted{}, err
	}
	if _, err := contextOf(r.Context); err != nil {
		return api.OSBAccepted{}, err
	}
	i, err := s.Provision.Instance(ctx, c.who.name, c.instance())
	if err != nil {
		return api.OSBAccepted{}, err
	}
	if r.ServiceID != string(i.Service) {
		return api.OSBAccepted{}, fault.New(fault.Invalid, "instance %q is of another service", i.ID)
	}
	if err := s.checkPlan(ctx, i, r.PlanID); err != nil {
		return api.OSBAccepted{}, err
	}
	if i.Operation.State == provision.InProgress {
		return api.OSBAccepted{}, fault.New(fault.Busy, concurrencyError)
	}
	if err := checkMaintenance(r.MaintenanceInfo); err != nil {
		return api.OSBAccepted{}, err
	}
	return api.OSBAccepted{}, refuseChange(i, r)
}

// checkPlan: a plan that the service does not have is invalid, not merely another.
func (s *Server) checkPlan(ctx context.Context, i provision.Instance, plan string) error {
	if plan == "" || plan == string(i.Plan) {
		return nil
	}
	service, err := s.Catalog.Service(ctx, i.Service)
	if err != nil {
		return err
	}
	for _, p := range service.Plans {
		if string(p.ID) == plan {
			return nil
		}
	}
	return fault.New(fault.Invalid, "service %q has no such plan", service.Name)
}

// refuseChange is U7: the same update will be refused again.
func refuseChange(i provision.Instance, r api.OSBUpdate) error {
	never := false
	if r.PlanID != "" && r.PlanID != string(i.Plan) {
		return &refusal{http.StatusUnprocessableEntity, api.OSBError{
			Error: "PlanChangeNotSupported", UpdateRepeatable: &never,
			Description: "The plan of an instance of this service cannot be changed; make a new instance.",
		}}
	}
	var p map[string]any
	if len(r.Parameters) > 0 {
		if err := json.Unmarshal(r.Parameters, &p); err != nil {
			return fault.New(fault.Invalid, "parameters must be a JSON object")
		}
	}
	if len(p) > 0 {
		return &refusal{http.StatusUnprocessableEntity, api.OSBError{
			Error: "ParameterChangeNotSupported", UpdateRepeatable: &never,
			Description: "The parameters of an instance of this service cannot be changed; make a new instance, or bind a further network.",
		}}
	}
	return nil
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
// answers for the latest operation, whichever the query names: the answer is the
// same and platforms make operations up (osb.md L5, L7).
func (s *Server) osbLastOperation(ctx context.Context, c *call) (api.LastOperation, error) {
	op, err := s.Provision.Operation(ctx, c.who.name, c.instance())
	if err != nil {
		return api.LastOperation{}, err
	}
	l, err := s.lastOperation(c, op)
	if err != nil {
		return api.LastOperation{}, err
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
	if op.State == provision.InProgress {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(s.RetryAfter.Seconds()))))
	}
	return api.LastOperation{State: string(op.State), Description: op.Description}, nil
}
