//go:build linux

package linux

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Resources lists this scope's namespaces, links, guests and files; not the image
// cache, which is nobody's. See cloud.Cloud.
func (c *Cloud) Resources(ctx context.Context) ([]cloud.Resource, error) {
	names, err := c.everyNamespace()
	if err != nil {
		return nil, err
	}
	var out []cloud.Resource
	var tenants []topology.TenantID
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := c.inNamespace(n)
		if err != nil {
			return nil, err
		}
		if found[0].Tenant != "" && !slices.Contains(tenants, found[0].Tenant) {
			tenants = append(tenants, found[0].Tenant)
		}
		out = append(out, found...)
	}
	for _, t := range tenants {
		found, err := c.machines.processes(t)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
		if found, err = filesOf(t, c.tenantDir(t)); err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// inNamespace lists a namespace, first, and its links.
func (c *Cloud) inNamespace(name string) ([]cloud.Resource, error) {
	out := []cloud.Resource{{Kind: "namespace", ID: name}}
	dir := filepath.Join(c.dir, "tenants", tokenIn(name))
	err := c.within(name, func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return err
		}
		for _, l := range links {
			t, ok, err := c.tagOf(dir, l)
			switch {
			case err != nil:
				return err
			case ok && l.Attrs().Name == "lo":
				out[0].Tenant, out[0].Detail = t.Tenant, string(t.Kind)
			case ok:
				out = append(out, cloud.Resource{Kind: "link", ID: name + "/" + l.Attrs().Name, Tenant: t.Tenant, Detail: string(t.Kind) + " " + t.ID})
			}
		}
		return nil
	})
	if isNoNamespace(err) {
		err = nil // only its name was made, or it went while we looked
	}
	return out, err
}

// tokenIn is the tenant's token in a namespace's name.
func tokenIn(name string) string {
	parts := strings.SplitN(name, "-", 4)
	if len(parts) < 3 {
		return ""
	}
	return parts[2]
}

func filesOf(t topology.TenantID, dir string) (out []cloud.Resource, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, cloud.Resource{Kind: "file", ID: path, Tenant: t})
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	return out, err
}
