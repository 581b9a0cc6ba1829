package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// KindRepair is a change that makes a tenant's fabric what the records say.
const KindRepair work.Kind = "repair"

// Disagreement is what the cloud and the records of one tenant do not agree in.
type Disagreement struct {
	Tenant topology.TenantID `json:"tenant"` // empty: things in the cloud whose tenant nobody can tell

	// Busy says that changes are in progress for the tenant: what they make and
	// remove is no disagreement, so nothing was compared.
	Busy     bool     `json:"busy,omitempty"`
	Leftover []string `json:"leftover,omitempty"` // things in the cloud without a record
	Missing  []string `json:"missing,omitempty"`  // things of a record that the cloud has not got
	Steps    []string `json:"steps,omitempty"`    // what a repair does, in order

	Repair work.ChangeID `json:"repair,omitempty"` // the change that repairs it, when asked to
}

// Orphans compares the cloud with the records, tenant by tenant, and gives those
// that disagree, or are busy. With repair it submits a change for each that
// disagrees. The change is planned anew when its turn comes, after everything that
// was asked for before, so it never touches what is being made.
func (s *Service) Orphans(ctx context.Context, repair bool) ([]Disagreement, error) {
	list := []Disagreement{}
	tenants, nobodys, err := s.tenantsAnywhere(ctx)
	if err != nil {
		return nil, err
	}
	for _, tenant := range tenants {
		d, err := s.disagreement(ctx, tenant)
		if err != nil {
			return nil, err
		}
		if repair && len(d.Steps) > 0 {
			if d.Repair, err = s.repair(ctx, tenant); err != nil {
				return nil, err
			}
		}
		if d.Busy || len(d.Steps) > 0 {
			list = append(list, d)
		}
	}
	if len(nobodys) > 0 {
		list = append(list, Disagreement{Leftover: nobodys})
	}
	return list, nil
}

// tenantsAnywhere are those that have something in the cloud or a record of it, and
// the things of none of them.
func (s *Service) tenantsAnywhere(ctx context.Context) (tenants []topology.TenantID, nobodys []string, err error) {
	seen := map[topology.TenantID]bool{}
	resources, err := s.cloud.Resources(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot list what is in the cloud: %w", err)
	}
	for _, r := range resources {
		if r.Tenant == "" {
			nobodys = append(nobodys, fmt.Sprintf("%s %s", r.Kind, r.ID))
			continue
		}
		seen[r.Tenant] = true
	}
	for i, err := range s.instances.All(ctx, "", "") {
		if err != nil {
			return nil, nil, err
		}
		if i.live() {
			seen[i.Tenant] = true
		}
	}
	for t := range seen {
		tenants = append(tenants, t)
	}
	slices.SortFunc(tenants, func(a, b topology.TenantID) int { return cmp.Compare(a, b) })
	return tenants, nobodys, nil
}

func (s *Service) disagreement(ctx context.Context, tenant topology.TenantID) (Disagreement, error) {
	d := Disagreement{Tenant: tenant}
	before, err := s.busy(ctx, tenant)
	if err != nil || before {
		d.Busy = before
		return d, err
	}
	p, planning := s.steps(ctx, tenant, "")
	// A change that began meanwhile may be what was seen.
	if d.Busy, err = s.busy(ctx, tenant); err != nil || d.Busy {
		return d, err
	}
	if errors.Is(planning, fault.Invalid) { // it has records, and not even networks
		d.Missing = []string{fault.Message(planning)}
		return d, nil
	}
	for _, step := range p.Steps {
		d.enter(step)
	}
	return d, planning
}

// enter tells by what mends it what is wrong.
func (d *Disagreement) enter(step topology.Step) {
	d.Steps = append(d.Steps, step.String())
	switch step.Verb {
	case topology.Shutdown, topology.DeletePort, topology.DeleteNetwork:
		d.Leftover = append(d.Leftover, step.String())
	case topology.Await:
	default:
		d.Missing = append(d.Missing, step.String())
	}
}

// busy says whether something is in progress for a tenant, on any broker.
func (s *Service) busy(ctx context.Context, tenant topology.TenantID) (bool, error) {
	open, err := s.engine.List(ctx, work.Filter{Lane: work.Lane(tenant), Open: true, Limit: 1})
	if err != nil || len(open) > 0 {
		return len(open) > 0, err
	}
	mine, err := s.Instances(ctx, Filter{Tenant: tenant})
	return slices.ContainsFunc(mine, func(i Instance) bool { return len(i.pending()) > 0 }), err
}

func (s *Service) repair(ctx context.Context, tenant topology.TenantID) (work.ChangeID, error) {
	id := work.ChangeID(rand.Text())
	err := s.engine.Submit(ctx, work.Change{ID: id, Lane: work.Lane(tenant), Kind: KindRepair, Subject: string(tenant)})
	if err != nil {
		return "", fmt.Errorf("cannot submit the repair of tenant %q: %w", tenant, err)
	}
	return id, nil
}
