package openstack

import (
	"context"
	"fmt"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/mtu"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/provider"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// An extension is a part of Neutron that a cloud may lack.
type extension struct {
	alias, remedy string
	without       string // what cannot be done; empty when nothing can
}

// extended is what the driver uses of Neutron's extensions.
var extended = []extension{
	{"router", "add router (ML2/OVN: ovn-router) to service_plugins of Neutron", ""},
	{"extraroute-atomic", "add router (ML2/OVN: ovn-router) to service_plugins of Neutron, which must be Stein or newer", "a router's routes by way of a protected network's hosts may not be moved; ML2/OVN of Zed serves this without saying so"},
	{"port-security", "add port_security to extension_drivers of ML2: an appliance's ports must let others' packets through", ""},
	{"standard-attr-tag", "use Neutron from Rocky on: what the broker has made is found again by tags", ""},
	{"standard-attr-description", "use Neutron from Newton on: what the broker has made is found again by its description", ""},
	{"net-mtu-writable", "use Neutron from Queens on: segments have the MTU of the networks whose traffic they carry", ""},
	{"segment", "add segments to service_plugins of Neutron: without it Nova refuses servers on ports without addresses, as those of appliances are", ""},
	{"quota_details", "use Neutron from Pike on, with the quota driver for its database", "the network's quotas are not looked at before a plan: it fails when one is used up"},
}

// extensions looks which of them are loaded.
func (e *examination) extensions(ctx context.Context) {
	has, err := e.d.loaded(ctx)
	if err != nil {
		e.unknown("network", "extensions", err)
		return
	}
	for _, x := range extended {
		e.add(x.judge(slices.Contains(has, x.alias)))
	}
}

func (x extension) judge(loaded bool) cloud.Finding {
	f := cloud.Finding{Area: "network", Need: "extension " + x.alias, Verdict: cloud.Met, Found: "loaded"}
	switch {
	case loaded:
	case x.without != "":
		f.Verdict, f.Found, f.Remedy = cloud.Limited, "not loaded: "+x.without, x.remedy
	default:
		f.Verdict, f.Found, f.Remedy, f.Kind = cloud.Missing, "not loaded", x.remedy, fault.Unavailable
	}
	return f
}

// loaded are the aliases of Neutron's extensions.
func (d *Driver) loaded(ctx context.Context) (list []string, err error) {
	answer, err := read[struct{ Extensions []struct{ Alias string } }](ctx, d.network, "Neutron's extensions", "extensions")
	for _, x := range answer.Extensions {
		list = append(list, x.Alias)
	}
	return list, err
}

// mechanism is the kinds of Neutron's agents; none when the account is no administrator.
func (d *Driver) mechanism(ctx context.Context) (kinds []string, err error) {
	answer, err := read[struct {
		Agents []struct {
			Type string `json:"agent_type"`
		}
	}](ctx, d.network, "Neutron's agents", "agents")
	for _, a := range answer.Agents {
		kinds = append(kinds, a.Type)
	}
	if fault.KindOf(err) == fault.Forbidden {
		return nil, nil
	}
	return kinds, err
}

// management looks at the network that all tenants' management legs are to share.
func (e *examination) management(ctx context.Context, o Options) {
	const need = "a way to appliances' management addresses"
	m, err := e.d.sharedManagement(ctx, o)
	switch {
	case err != nil && fault.KindOf(err) == fault.Invalid:
		e.missing("network", need, err, "correct cloud.management and cloud.management_from, or the network that they name")
	case err != nil:
		e.unknown("network", need, err)
	case m == nil:
		e.limited("network", need, "each tenant has a management network of its own: the broker reaches no appliance on it", "name a network that they share: cloud.management and cloud.management_from")
	default:
		e.met("network", need, "network %s, %s", m.network, m.cidr)
	}
}

// wired is a network with what says how it is made.
type wired struct {
	networks.Network
	mtu.NetworkMTUExt
	external.NetworkExternalExt
	provider.NetworkProviderExt
}

// wired are all networks that the account is shown.
func (d *Driver) wired(ctx context.Context) (list []wired, err error) {
	pages, err := networks.List(d.network, networks.ListOpts{}).AllPages(ctx)
	if err == nil {
		err = networks.ExtractNetworksInto(pages, &list)
	}
	return list, said("list networks", err)
}

// mtus looks for networks that no segment can be made for.
func (e *examination) mtus(ctx context.Context) {
	list, err := e.d.wired(ctx)
	if err != nil {
		e.unknown("network", mtuNeed, err)
		return
	}
	e.add(fitting(list))
}

const mtuNeed = "segments with the MTU of tenants' networks"

// fitting judges by the overlay networks that there are, which is what tenants' networks
// and segments are made as: Neutron refuses a segment with a larger MTU than theirs.
func fitting(list []wired) cloud.Finding {
	f := cloud.Finding{Area: "network", Need: mtuNeed, Verdict: cloud.Unknown, Found: "there is no overlay network to compare with that the account is shown the type of"}
	most := 0
	for _, n := range list {
		if slices.Contains([]string{"vxlan", "geneve", "gre"}, n.NetworkType) {
			most = max(most, n.MTU)
		}
	}
	if most == 0 {
		f.Remedy = "check again with an administrator's account, when tenants have networks"
		return f
	}
	f.Verdict, f.Found = cloud.Met, fmt.Sprintf("no tenant's network has an MTU of more than %d", most)
	var larger []string
	for _, n := range list {
		if !n.External && n.MTU > most {
			larger = append(larger, fmt.Sprintf("%s (%d)", n.ID, n.MTU))
		}
	}
	if len(larger) > 0 {
		f.Verdict, f.Found = cloud.Limited, fmt.Sprintf("networks that are made here have an MTU of %d at most: no service can be put into the path of %s", most, some(larger))
		f.Remedy = "lower the MTU of these networks, or raise global_physnet_mtu and path_mtu of Neutron"
	}
	return f
}
