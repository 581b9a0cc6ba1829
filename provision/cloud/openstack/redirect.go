package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// ruleFacts are those of a rule.
type ruleFacts struct {
	Rule   topology.Redirect `json:"r"`
	Ranges []netip.Prefix    `json:"a"` // that the network had
}

// setRedirect brings a rule of a router from what it was to what it is to be.
func (v *view) setRedirect(ctx context.Context, f topology.Fabric, s topology.Step) error {
	if s.Redirect == nil {
		if v.d.north == nil {
			return nil // it never happened
		}
		return v.d.north.DropRule(ctx, string(s.Was.Gateway), string(s.Was.ID))
	}
	r, err := v.rule(f, *s.Redirect)
	if err != nil {
		return err
	}
	return v.d.north.SetRule(ctx, r)
}

// redirectable refuses a rule that routers here cannot have.
func (d *Driver) redirectable(f topology.Fabric, r topology.Redirect) ([]ovn.Flow, error) {
	if d.north == nil {
		return nil, fault.New(fault.Invalid, "this cloud redirects flows by OVN's northbound database, to which the broker has no access: use a service in path, or let the operator choose cutover: ovn where Neutron has ML2/OVN")
	}
	return flowsOf(r.Match, rangesOf(f, r.Network))
}

// rule is a rule in words of Neutron and OVN.
func (v *view) rule(f topology.Fabric, r topology.Redirect) (ovn.Rule, error) {
	flows, err := v.d.redirectable(f, r)
	if err != nil {
		return ovn.Rule{}, err
	}
	facts, err := json.Marshal(ruleFacts{r, rangesOf(f, r.Network)})
	if err != nil {
		return ovn.Rule{}, err
	}
	out := ovn.Rule{ID: string(r.ID), Tenant: string(v.tenant), Router: string(r.Gateway), Facts: string(facts), Flows: flows}
	for _, m := range r.Members {
		inside, err := v.neutron(m.Inside)
		if err != nil {
			return out, err
		}
		outside, err := v.neutron(m.Outside)
		if err != nil {
			return out, err
		}
		out.Members = append(out.Members, ovn.Member{ID: string(m.Appliance), Inside: inside, Outside: outside})
	}
	return out, nil
}

// redirects are the rules of the tenant's routers, as they are: a member that a router has
// lost its ports at is none, and a rule for all of a network is for the ranges that it
// had. So what has changed since is put right.
func (v *view) redirects(f topology.Fabric) (list []topology.Redirect, err error) {
	for _, k := range v.rules {
		var kept ruleFacts
		if err := json.Unmarshal([]byte(k.Facts), &kept); err != nil {
			return nil, fmt.Errorf("cannot read rule %q of router %s: %w", k.ID, k.Router, err)
		}
		r := kept.Rule
		if len(r.Match.Local) == 0 && !slices.Equal(kept.Ranges, rangesOf(f, r.Network)) {
			r.Match.Local = kept.Ranges
		}
		r.Members = slices.DeleteFunc(r.Members, func(m topology.Member) bool { return !slices.Contains(k.Members, string(m.Appliance)) })
		list = append(list, r)
	}
	return list, nil
}

// rules are what the northbound database has of a tenant's.
func (d *Driver) rules(ctx context.Context, tenant topology.TenantID) ([]ovn.Kept, error) {
	if d.north == nil {
		return nil, nil
	}
	return d.north.Rules(ctx, string(tenant))
}

// forget takes routers' ports off a network of ours that is to go.
func (d *Driver) forget(ctx context.Context, network string) error {
	if d.north == nil {
		return nil
	}
	return d.north.Forget(ctx, network)
}

// redirecting lists the rules of all tenants' routers, and the ports that those have at
// members.
func (d *Driver) redirecting(ctx context.Context) (list []cloud.Resource, err error) {
	if d.north == nil {
		return nil, nil
	}
	rules, err := d.north.Rules(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		list = append(list, cloud.Resource{Kind: "redirect", ID: r.ID, Tenant: topology.TenantID(r.Tenant), Detail: "a rule of router " + r.Router})
	}
	turns, err := d.north.Turns(ctx)
	for _, t := range turns {
		list = append(list, cloud.Resource{Kind: "router port", ID: t.Name, Tenant: topology.TenantID(t.Tenant), Detail: "leads redirected flows through an appliance"})
	}
	return list, err
}

// foreseeRedirects refuses rules that could not be made.
func (d *Driver) foreseeRedirects(ctx context.Context, f topology.Fabric, steps []topology.Step) error {
	for _, s := range steps {
		if s.Verb != topology.SetRedirect || s.Redirect == nil {
			continue
		}
		if _, err := d.redirectable(f, *s.Redirect); err != nil {
			return err
		}
		router := string(s.Redirect.Gateway)
		known, err := d.north.Knows(ctx, router)
		if err == nil && known == 0 {
			err = fault.New(fault.Conflict, "router %s is not in OVN's northbound database, so nothing can be redirected there: use a service in path", router)
		}
		if err == nil {
			err = d.undistributed(ctx, f, *s.Redirect)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// undistributed refuses a rule for hosts whose floating IPs would not work with it.
func (d *Driver) undistributed(ctx context.Context, f topology.Fabric, r topology.Redirect) error {
	floating, err := d.north.Distributed(ctx, string(r.Gateway))
	if err != nil {
		return err
	}
	local := r.Match.Local
	if len(local) == 0 {
		local = rangesOf(f, r.Network)
	}
	var named []string
	for _, ip := range floating {
		if slices.ContainsFunc(local, func(p netip.Prefix) bool { return p.Contains(ip.Host) }) {
			named = append(named, ip.External.String())
		}
	}
	if len(named) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "floating IPs of hosts whose flows are to be redirected are translated on the hosts' own machines (%s), to which those flows do not come back: "+
		"take them off, or let the operator set enable_distributed_floating_ip = false in Neutron, or use a service in path", some(named))
}
