package main

import (
	"context"
	"os"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/catalog/swift"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
)

// container is the container that packages.store names; empty for files.
func (c packagesConfig) container() (string, error) {
	name, ok := strings.CutPrefix(c.Store, "swift://")
	switch {
	case c.Store == "" && c.Cloud != "":
		return "", fault.New(fault.Invalid, "packages.cloud is for a packages.store of swift://CONTAINER")
	case c.Store == "":
		return "", nil
	case !ok || name == "" || len(name) > 256 || strings.ContainsAny(name, "/?#"):
		return "", fault.New(fault.Invalid, "packages.store: %q is not swift://CONTAINER; leave it empty to keep packages in the data folder", c.Store)
	}
	return name, nil
}

// openBlobs opens where packages' bytes are kept; nil where that is the data folder.
func openBlobs(ctx context.Context, c config) (catalog.Blobs, error) {
	container, err := c.Packages.container()
	if err != nil || container == "" {
		return nil, err
	}
	from := c.Cloud.openstack(nil)
	if c.Packages.Cloud != "" {
		from.Cloud = c.Packages.Cloud
	}
	client, err := openstack.Objects(ctx, from)
	if err != nil {
		return nil, fault.New(fault.KindOf(err), "packages.store: %w", err)
	}
	spool := c.path("packages")
	if err := os.MkdirAll(spool, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the folder in which packages are taken in: %w", err)
	}
	return swift.Open(ctx, swift.Options{Client: client, Container: container, Spool: spool, Largest: int64(c.Packages.SizeGiB) << 30})
}

// storedBlobs are the blobs that a check looks at.
func storedBlobs(ctx context.Context, c config) (catalog.Blobs, error) {
	blobs, err := openBlobs(ctx, c)
	if blobs == nil && err == nil {
		return catalog.NewFolder(c.path("packages")), nil
	}
	return blobs, err
}
