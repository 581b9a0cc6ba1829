package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// rights looks whether the account may act for other projects than its own, by what it
// is shown: nothing is tried that could have an effect.
func (e *examination) rights(ctx context.Context) {
	e.lookUp(ctx)
	e.others(ctx)
}

// diagnosis tries on one of the broker's servers, if there is any, whether what passes it can be read.
func (e *examination) diagnosis(ctx context.Context) {
	const need = "read what passes appliances"
	list, err := e.d.servers(ctx)
	if err != nil {
		e.unknown("rights", need, err)
		return
	}
	n := slices.IndexFunc(list, isRunning)
	if n < 0 {
		e.met("rights", need, "no appliance runs with which that could be tried")
		return
	}
	nics, err := e.d.diagnose(ctx, list[n])
	switch {
	case fault.KindOf(err) == fault.Forbidden:
		e.limited("rights", need, "the account may not: prices by the byte or packet bill nothing", mayDiagnose)
	case err != nil:
		e.unknown("rights", need, err)
	case !slices.ContainsFunc(nics, nic.counts):
		e.limited("rights", need, "the hypervisor counts nothing: prices by the byte or packet bill nothing", "use a compute driver that fills nic_details of servers' diagnostics, as libvirt does")
	default:
		e.met("rights", need, "Nova's diagnostics")
	}
}

const ownOnly = "give the account the role admin, or a role that Neutron's policy lets act in all projects"

func (e *examination) lookUp(ctx context.Context) {
	const need = "look tenants' projects up"
	_, err := projects.List(e.d.identity, projects.ListOpts{DomainID: e.d.domain}).AllPages(ctx)
	switch err = said("list projects", err); {
	case err == nil:
		e.met("rights", need, "those of the domain %s", e.d.domain)
	case fault.KindOf(err) == fault.Forbidden:
		e.limited("rights", need, "the account may not: it serves its own project alone", ownOnly)
	default:
		e.unknown("rights", need, err)
	}
}

// others judges by Neutron's agents, which are shown to administrators, or by other
// projects' networks, which a role of the operator's own may be shown.
func (e *examination) others(ctx context.Context) {
	const need = "act in tenants' networks"
	agents, err := e.d.mechanism(ctx)
	if err != nil {
		e.unknown("rights", need, err)
		return
	}
	if len(agents) > 0 {
		e.met("rights", need, "an administrator of Neutron")
		return
	}
	list, err := e.d.wired(ctx)
	if err != nil {
		e.unknown("rights", need, err)
		return
	}
	if slices.ContainsFunc(list, func(n wired) bool { return n.ProjectID != e.d.project && !n.Shared && !n.External }) {
		e.met("rights", need, "it is shown other projects' networks")
		return
	}
	e.limited("rights", need, "the account is shown no other project's networks: it serves its own project alone", ownOnly)
}
