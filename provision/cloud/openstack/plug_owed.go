package openstack

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/extraroutes"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
)

// routesThrough are the router's extra routes by way of the plug's ranges, which
// Neutron wants gone before the port goes.
func (v *view) routesThrough(s swap) (list []routers.Route) {
	for _, r := range v.routers {
		if r.ID != s.Router {
			continue
		}
		for _, route := range r.Routes {
			hop, err := netip.ParseAddr(route.NextHop)
			if err == nil && slices.ContainsFunc(s.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(hop) }) {
				list = append(list, route)
			}
		}
	}
	return list
}

// putBack gives the router the routes that had to go, and hosts their floating IPs, and
// forgets them, so that what the tenant takes away later stays away.
func (v *view) putBack(ctx context.Context, s swap) error {
	if s.owed() == 0 {
		return nil
	}
	if len(s.Routes) > 0 {
		if _, err := extraroutes.Add(ctx, v.d.network, s.Router, extraroutes.Opts{Routes: &s.Routes}).Extract(); err != nil {
			return said("put back the gateway's routes through network "+string(s.Home), err)
		}
	}
	if len(s.Leaning) > 0 {
		if err := v.payBack(ctx, &s); err != nil {
			return err
		}
		if err := v.unburden(ctx, s); err != nil {
			return err
		}
	}
	if s.to == s.Home {
		return nil // the record goes
	}
	s.Routes = nil
	return v.tagPlug(ctx, s.fresh, kindPlug, s)
}

// owed is how much had to be taken off and is to be put back.
func (k kept) owed() int { return len(k.Routes) + len(k.Leaning) }
