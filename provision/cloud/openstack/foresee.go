package openstack

import (
	"context"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Foresee looks at what leans on the plugs that steps move: floating IPs and extra routes are
// told of; forwarded ports, and other services that hold a plug's port, are refused. So are rules
// that a router cannot have. See cloud.Foreseeing.
func (d *Driver) Foresee(ctx context.Context, tenant topology.TenantID, steps []topology.Step) (notes []string, err error) {
	moving := map[topology.PortID]topology.Step{}
	var order []topology.PortID
	for _, s := range steps {
		if _, seen := moving[s.Port]; s.Verb == topology.Move && s.Appliance == nil && !seen {
			moving[s.Port], order = s, append(order, s.Port)
		}
	}
	if len(order) == 0 && !redirects(steps) {
		return nil, nil
	}
	v, err := d.look(ctx, tenant)
	if err != nil {
		return nil, err
	}
	f, err := v.fabric()
	if err != nil {
		return nil, err
	}
	if err := d.foreseeRedirects(ctx, f, steps); err != nil {
		return nil, err
	}
	for _, port := range order {
		p, ok := plugIn(f, moving[port])
		if !ok {
			continue // the step itself says so
		}
		told, err := v.foresee(ctx, swap{plugFacts: plugFacts{Router: string(moving[port].Gateway), Home: p.Home, From: p.At, MAC: p.MAC, Addresses: p.Addresses}})
		if err != nil {
			return nil, err
		}
		notes = append(notes, told...)
	}
	return notes, nil
}

// redirects says whether steps make a rule, or change one.
func redirects(steps []topology.Step) bool {
	return slices.ContainsFunc(steps, func(s topology.Step) bool { return s.Redirect != nil })
}

func (v *view) foresee(ctx context.Context, s swap) (notes []string, err error) {
	name := string(s.Home)
	if n, ok := v.network(s.Home); ok && n.Name != "" {
		name = n.Name
	}
	v.findOld(&s)
	if err := v.d.unheld(ctx, s); err != nil {
		return nil, err
	}
	lean, err := v.leaningOn(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, ip := range lean {
		notes = append(notes, fmt.Sprintf("Floating IP %s of %s does not answer while the gateway of network %s moves; after that it leads to the host again.", ip.FloatingIP, ip.FixedIP, name))
	}
	for _, r := range v.routesThrough(s) {
		notes = append(notes, fmt.Sprintf("The router's route to %s by way of %s is taken off while the gateway of network %s moves, and put back after that.",
			r.DestinationCIDR, r.NextHop, name))
	}
	return notes, nil
}
