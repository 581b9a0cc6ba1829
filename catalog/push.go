package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// Push reads an OVA, once, keeps it, and makes or updates the draft of its
// service. A package that is wrong is Invalid with a detail per finding, and
// nothing of it is kept. The same package again has no effect; another one under
// the same vendor, name and version is a Conflict.
//
// A service that is published keeps offering its package until it is published
// again.
func (c *Catalog) Push(ctx context.Context, vendor string, r io.Reader) (Package, Service, error) {
	if !vendorName.MatchString(vendor) {
		return Package{}, Service{}, fault.New(fault.Invalid, "a vendor's name has 1 to 63 lower-case letters, digits and hyphens, not %q", vendor)
	}
	staged, err := c.blobs.stage()
	if err != nil {
		return Package{}, Service{}, err
	}
	defer func() {
		if err := staged.close(); err != nil {
			c.log.Error("cannot remove the staging folder of a push", "error", err)
		}
	}()
	pkg, err := ovf.Ingest(ctx, r, staged, c.options)
	if err != nil {
		return Package{}, Service{}, refusal(err)
	}
	return c.keep(ctx, vendor, pkg, staged)
}

var vendorName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// refusal tells the caller what is wrong with the package.
func refusal(err error) error {
	var refused *ovf.Refused
	if !errors.As(err, &refused) {
		return fmt.Errorf("cannot keep the package: %w", err)
	}
	var details []string
	for _, f := range refused.Findings.Errors() {
		details = append(details, f.String())
	}
	return &fault.Error{Kind: fault.Invalid, Message: fmt.Sprintf("the package is refused: %s", details[0]), Details: details}
}

// keep stores a verified package. Under the lock nobody can collect a blob
// between its arrival and the document that refers to it.
func (c *Catalog) keep(ctx context.Context, vendor string, pkg *ovf.Package, staged *stage) (p Package, s Service, err error) {
	p = describe(vendor, pkg)
	err = c.blobs.locked(func() error {
		for _, f := range p.Files {
			if err := c.blobs.add(staged.files[f.Name], f.Digest); err != nil {
				return noSpace(fmt.Errorf("cannot keep %q: %w", f.Name, err))
			}
		}
		p, err = c.record(ctx, p)
		return err
	})
	if err != nil {
		return p, s, err
	}
	s, err = c.draft(ctx, p, pkg)
	return p, s, err
}

// record stores the package's document, or finds that it is there.
func (c *Catalog) record(ctx context.Context, p Package) (Package, error) {
	err := c.packages.Create(ctx, string(p.ID), p)
	if !errors.Is(err, fault.Conflict) {
		return p, err
	}
	old, err := c.Package(ctx, p.ID)
	if err == nil && old.Digest != p.Digest {
		err = fault.New(fault.Conflict, "package %q exists with other content; give the new one another version", p.ID)
	}
	return old, err
}

// describe is the package's document.
func describe(vendor string, pkg *ovf.Package) Package {
	about := pkg.Inspect()
	name := slug(about.Package.Name)
	version := about.Package.Version
	if version == "" {
		version = "0"
	}
	p := Package{
		ID:     PackageID(vendor + "/" + name + "@" + version),
		Vendor: vendor, Name: name, Version: version,
		Digest: digestPrefix + pkg.Digest, Descriptor: pkg.Descriptor,
		Verification: pkg.Verification, Findings: pkg.Findings, Pushed: now(),
	}
	for _, m := range pkg.Members {
		p.Files = append(p.Files, File{Name: m.Name, Digest: digestPrefix + m.SHA256, Size: m.Size, Format: string(m.Format)})
	}
	for _, e := range about.Eulas {
		p.EULAs = append(p.EULAs, EULA{Digest: digestPrefix + e.SHA256, Text: e.Text})
	}
	return p
}

// Remove deletes a package and the bytes that no other package shares. Conflict
// while a service offers it. Instances are the caller's to check: the catalog
// does not know them.
func (c *Catalog) Remove(ctx context.Context, id PackageID) error {
	if _, err := c.Package(ctx, id); err != nil {
		return err
	}
	services, err := c.Services(ctx)
	if err != nil {
		return err
	}
	for _, s := range services {
		if s.Package == id && s.State != Draft {
			return fault.New(fault.Conflict, "package %q is what service %q offers", id, s.Name)
		}
	}
	return c.blobs.locked(func() error {
		for _, s := range services {
			if s.Package == id {
				if err := c.services.Delete(ctx, string(s.ID)); err != nil {
					return err
				}
			}
		}
		if err := c.packages.Delete(ctx, string(id)); err != nil {
			return err
		}
		return c.collect(ctx, 0)
	})
}

// Collect removes bytes that no package refers to and that are older than an
// hour, which no push under way can still need. It is for a start.
func (c *Catalog) Collect(ctx context.Context) error {
	return c.blobs.locked(func() error { return c.collect(ctx, time.Hour) })
}

func (c *Catalog) collect(ctx context.Context, older time.Duration) error {
	packages, err := c.Packages(ctx)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, p := range packages {
		for _, f := range p.Files {
			used[f.Digest] = true
		}
	}
	var unused []string
	err = c.blobs.all(func(digest string, written time.Time) error {
		if !used[digest] && time.Since(written) >= older {
			unused = append(unused, digest)
		}
		return nil
	})
	for _, digest := range slices.Compact(unused) {
		err = errors.Join(err, c.blobs.remove(digest))
	}
	return err
}
