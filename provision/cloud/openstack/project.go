package openstack

import (
	"context"
	"regexp"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// projectIDs are what Keystone makes: 32 hexadecimal digits, or as many as 64 in
// domains that keep their projects elsewhere.
var projectIDs = regexp.MustCompile(`^[0-9a-f]{32,64}$`)

// projectOf is the id of a tenant's project. A tenant is named by that id, or by the
// project's name in the domain of the account's own. NotFound when there is none.
func (d *Driver) projectOf(ctx context.Context, tenant topology.TenantID) (string, error) {
	name := string(tenant)
	switch {
	case name == "":
		return "", noTenant(tenant)
	case name == d.project || name == d.projectName:
		return d.project, nil
	case projectIDs.MatchString(name):
		p, err := whole(projects.Get(ctx, d.identity, name).Extract())
		if err == nil {
			return p.ID, nil
		}
		if !isMissing(err) {
			return "", said("look up tenant "+name, err)
		}
	}
	pages, err := projects.List(d.identity, projects.ListOpts{Name: name, DomainID: d.domain}).AllPages(ctx)
	if err != nil {
		return "", listing("projects", err)
	}
	list, err := projects.ExtractProjects(pages)
	switch {
	case err != nil:
		return "", listing("projects", err)
	case len(list) != 1:
		return "", noTenant(tenant)
	}
	return list[0].ID, nil
}

func noTenant(t topology.TenantID) error {
	return fault.New(fault.NotFound, "tenant %q is no project of this cloud", t)
}
