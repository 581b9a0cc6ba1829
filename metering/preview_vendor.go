package metering

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// PreviewVendor rates the next statements of a vendor's tenants without issuing them, one after another so that who
// looks takes one core, and shares their lines as the vendor's statement does. fault.NotFound without any agreement with
// the vendor, and while no window was ever closed.
func (m *Meter) PreviewVendor(ctx context.Context, vendor string) (Preview, error) {
	agreements, err := m.agreed(ctx)
	if err != nil {
		return Preview{}, err
	}
	agreements = slices.DeleteFunc(agreements, func(a rating.Agreement) bool { return a.Vendor != vendor })
	if len(agreements) == 0 {
		return Preview{}, fault.New(fault.NotFound, "there is no agreement with vendor %q, and so no statement for it", vendor)
	}
	i, p, err := m.ahead(ctx)
	if err != nil {
		return Preview{}, err
	}
	tenants, err := m.buyers(ctx, vendor)
	if err != nil {
		return Preview{}, err
	}
	now, later := newSharing(m, agreements), newSharing(m, agreements)
	for _, tenant := range tenants {
		lines, expected, err := i.expected(ctx, tenant, p.Until)
		if err != nil {
			return Preview{}, fmt.Errorf("cannot preview the statement of tenant %q: %w", tenant, err)
		}
		if err := now.add(ctx, lines); err != nil {
			return Preview{}, err
		}
		if err := later.add(ctx, expected); err != nil {
			return Preview{}, err
		}
	}
	p.Vendor = vendor
	return p.with(now.ordered()[vendor], later.ordered()[vendor]), nil
}

// buyers are the tenants that ever had an instance of a vendor's services, and the operator, who may pay for some.
func (m *Meter) buyers(ctx context.Context, vendor string) ([]topology.TenantID, error) {
	found, whose := map[topology.TenantID]bool{provision.OperatorAccount: true}, newVendors(m)
	for i, err := range m.instances.All(ctx) {
		if err != nil {
			return nil, err
		}
		for _, l := range lives(i) {
			v, err := whose.of(ctx, l.Service)
			if err != nil {
				return nil, err
			}
			if v == vendor {
				found[l.Tenant] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
