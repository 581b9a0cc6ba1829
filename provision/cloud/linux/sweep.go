//go:build linux

package linux

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// Sweep removes everything of this scope: guests, namespaces with their links,
// the directory's content, images included, and the
// keeper of the user namespace. It is for ending a demo or a
// test, whatever state that left; other scopes are not touched. What cannot be
// removed does not keep the rest from being removed.
func (c *Cloud) Sweep(ctx context.Context) error {
	err := c.machines.sweep(ctx)
	names, listErr := c.everyNamespace()
	err = errors.Join(err, listErr)
	// Gateways and hosts sort after their fabric and go first.
	slices.Reverse(names)
	for _, n := range names {
		err = errors.Join(err, c.removeNamespace(n))
	}
	for _, d := range []string{"tenants", "images", "accelerator.json"} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(c.dir, d)))
	}
	return errors.Join(err, endHolder(ctx, c.dir))
}
