package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

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
		drift, err := s.compare(ctx, tenant)
		if err == nil && repair {
			drift, err = s.Mend(ctx, drift, "")
		}
		if err != nil {
			return nil, err
		}
		if d := disagreement(drift); d.Busy || len(d.Steps)+len(d.Missing) > 0 {
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

// disagreement is drift, told by what mends it.
func disagreement(drift Drift) Disagreement {
	d := Disagreement{Tenant: drift.Tenant, Busy: drift.Busy, Repair: drift.Repair}
	if drift.Obstacle != "" { // such as records of networks that are not there
		d.Missing = []string{drift.Obstacle}
	}
	for _, step := range drift.Steps {
		d.enter(step)
	}
	return d
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
