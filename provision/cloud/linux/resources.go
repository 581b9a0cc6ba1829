//go:build linux

package linux

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Resources lists this scope's namespaces, links, guests and files; not the image
// cache, which is nobody's. What is left of a tenant that has no namespace any
// more is listed without a tenant. See cloud.Cloud.
func (c *Cloud) Resources(ctx context.Context) ([]cloud.Resource, error) {
	names, err := c.everyNamespace()
	if err != nil {
		return nil, err
	}
	var out []cloud.Resource
	tenants := map[string]topology.TenantID{} // by token
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := c.inNamespace(n)
		if err != nil {
			return nil, err
		}
		if found[0].Tenant != "" {
			tenants[tokenIn(n)] = found[0].Tenant
		}
		out = append(out, found...)
	}
	guests, err := c.machines.processes(tenants)
	if err != nil {
		return nil, err
	}
	files, err := c.files(tenants)
	return slices.Concat(out, guests, files), err
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

func (c *Cloud) files(tenants map[string]topology.TenantID) (out []cloud.Resource, err error) {
	root := filepath.Join(c.dir, "tenants")
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // none, or it went while we looked
		}
		if err != nil || e.IsDir() {
			return err
		}
		inside, err := filepath.Rel(root, path)
		tenant, _, _ := strings.Cut(inside, string(filepath.Separator))
		out = append(out, cloud.Resource{Kind: "file", ID: path, Tenant: tenants[tenant]})
		return err
	})
	return out, err
}
