package broker

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
)

// osbUpdate is PATCH /v2/service_instances/:instance_id.
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
	if r.PlanID != "" && !i.GoesBy(catalog.PlanID(r.PlanID)) {
		if err := s.checkVisible(ctx, c, r.ServiceID, r.PlanID); err != nil {
			return api.OSBAccepted{}, err
		}
	}
	out, err := s.Provision.Update(ctx, provision.UpdateRequest{
		Instance: i.ID, Platform: c.who.name, Service: catalog.ServiceID(r.ServiceID), Plan: catalog.PlanID(r.PlanID),
		Context: present(r.Context), Parameters: present(r.Parameters), Version: wantedVersion(r.MaintenanceInfo),
		AcceptsIncomplete: c.acceptsIncomplete(),
		Allowances:        c.who.rules.allowances(c.who.name, i.Tenant), Origin: c.origin(),
	})
	if err != nil {
		return api.OSBAccepted{}, err
	}
	c.status = outcomeStatus(out, http.StatusOK)
	return api.OSBAccepted{Operation: string(out.Operation)}, nil
}

// present is JSON that says something: null is as good as nothing.
func present(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// wantedVersion is the maintenance version that a request insists on.
func wantedVersion(m *api.MaintenanceInfo) string {
	if m == nil {
		return ""
	}
	return m.Version
}

// refusedUpdate is an update that changed nothing (osb.md U7, U8, U15).
func refusedUpdate(r *provision.Refused) (int, api.OSBError) {
	return http.StatusUnprocessableEntity, api.OSBError{
		Error: "UpdateRefused", Description: fault.Message(r), InstanceUsable: yes(), UpdateRepeatable: &r.Repeatable,
	}
}

func yes() *bool {
	b := true
	return &b
}

// updateInstance changes an instance without a platform in between.
func (s *Server) updateInstance(ctx context.Context, c *call, u api.InstanceUpdate) (api.Accepted, error) {
	r, err := s.updateRequest(ctx, c, u)
	if err != nil {
		return api.Accepted{}, err
	}
	out, err := s.Provision.Update(ctx, r)
	if err != nil {
		return api.Accepted{}, err
	}
	c.status = outcomeStatus(out, http.StatusOK)
	return api.Accepted{Instance: string(r.Instance), Change: string(out.Operation)}, nil
}

// updateRequest is what a user asks for in the words of package provision.
func (s *Server) updateRequest(ctx context.Context, c *call, u api.InstanceUpdate) (provision.UpdateRequest, error) {
	i, err := s.managed(ctx, c)
	if err != nil {
		return provision.UpdateRequest{}, err
	}
	r := provision.UpdateRequest{
		Instance: i.ID, Platform: i.Platform, Parameters: present(u.Parameters), Upgrade: u.Upgrade,
		AcceptsIncomplete: true, Origin: c.origin(),
	}
	if u.Plan != "" {
		service, err := s.Catalog.Service(ctx, i.Service)
		if err != nil {
			return r, err
		}
		plan, err := planOf(service, u.Plan)
		if err != nil {
			return r, err
		}
		r.Plan = plan.ID
	}
	if u.Name != "" {
		r.Context, err = named(i.Context, u.Name)
	}
	return r, err
}

// named is a context with another instance name.
func named(about json.RawMessage, name string) (json.RawMessage, error) {
	if len(name) > 255 || !printable(name) {
		return nil, fault.New(fault.Invalid, "an instance's name has 1 to 255 printable bytes")
	}
	all := map[string]any{}
	if len(about) > 0 {
		if err := json.Unmarshal(about, &all); err != nil {
			return nil, err
		}
	}
	all["instance_name"] = name
	return json.Marshal(all)
}
