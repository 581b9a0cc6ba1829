package broker

import (
	"context"
	"net/http"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
)

func (c *call) binding() provision.BindingID { return provision.BindingID(c.vars["binding"]) }

// osbBind is PUT …/service_bindings/:binding_id.
func (s *Server) osbBind(ctx context.Context, c *call, r api.OSBBind) (api.OSBBinding, error) {
	if r.PredecessorBindingID == "" { // a rotation need not say more
		if err := required(field{"service_id", r.ServiceID}, field{"plan_id", r.PlanID}); err != nil {
			return api.OSBBinding{}, err
		}
	}
	if _, err := contextOf(r.Context); err != nil {
		return api.OSBBinding{}, err
	}
	out, err := s.Provision.Bind(ctx, provision.BindRequest{
		Instance: c.instance(), ID: c.binding(), Predecessor: provision.BindingID(r.PredecessorBindingID), Platform: c.who.name,
		Service: catalog.ServiceID(r.ServiceID), Plan: catalog.PlanID(r.PlanID),
		BindResource: r.BindResource, Context: r.Context, Parameters: r.Parameters,
		AcceptsIncomplete: c.acceptsIncomplete(), Origin: c.origin(),
	})
	if err != nil {
		return api.OSBBinding{}, err
	}
	c.status = outcomeStatus(out.Outcome, http.StatusCreated)
	if out.Progress {
		return api.OSBBinding{Operation: string(out.Operation)}, nil // credentials must not be in a 202
	}
	return c.known(handedOut(out)), nil
}

// known leaves out what platforms do not know yet. The Kubernetes client, which
// speaks 2.14, has a draft of endpoints with numbers for ports and fails on ours.
func (c *call) known(b api.OSBBinding) api.OSBBinding {
	if !c.speaks(15) {
		b.Endpoints = nil
	}
	return b
}

// handedOut is what a finished binding gives. Credentials are an object even when
// there is nothing to say, because platforms insist on one.
func handedOut(out provision.BindOutcome) api.OSBBinding {
	b := api.OSBBinding{Credentials: credentialsOf(out)}
	for _, e := range out.Endpoints {
		b.Endpoints = append(b.Endpoints, api.Endpoint(e))
	}
	if !out.Expires.IsZero() {
		b.Metadata = &api.BindingMetadata{ExpiresAt: out.Expires.UTC().Format(osbTime), RenewBefore: out.RenewBefore.UTC().Format(osbTime)}
	}
	return b
}

// osbTime is how the standard spells times (spec.md, "Binding Metadata Object").
const osbTime = "2006-01-02T15:04:05.0Z"

func credentialsOf(out provision.BindOutcome) *api.Credentials {
	c := api.Credentials(out.Credentials)
	return &c
}

// osbFetchBinding is GET …/service_bindings/:binding_id.
func (s *Server) osbFetchBinding(ctx context.Context, c *call) (api.OSBBinding, error) {
	i, err := s.Provision.Instance(ctx, c.who.name, c.instance())
	if err != nil {
		return api.OSBBinding{}, err
	}
	if err := s.checkHints(c, i); err != nil {
		return api.OSBBinding{}, err
	}
	stored, out, err := s.Provision.Binding(ctx, c.who.name, c.instance(), c.binding())
	if err != nil {
		return api.OSBBinding{}, err
	}
	b := c.known(handedOut(out))
	if len(stored.Parameters) > 0 && string(stored.Parameters) != "null" {
		b.Parameters = stored.Parameters
	}
	return b, nil
}

// osbUnbind is DELETE …/service_bindings/:binding_id.
func (s *Server) osbUnbind(ctx context.Context, c *call) (api.OSBAccepted, error) {
	return s.remove(ctx, c, s.Provision.Unbind)
}

// osbLastBindingOperation is GET …/service_bindings/:binding_id/last_operation.
func (s *Server) osbLastBindingOperation(ctx context.Context, c *call) (api.LastOperation, error) {
	op, err := s.Provision.BindingOperation(ctx, c.who.name, c.instance(), c.binding())
	if err != nil {
		return api.LastOperation{}, err
	}
	return s.lastOperation(c, op)
}
