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
// the same vendor, name and version is a Conflict. The vendor is whoever pushes and
// not what the package says, so no vendor can reach another's package. TooMany when
// the vendor has too many pushes under way, TooLarge when there is no room for this.
//
// A service that is published keeps offering its package until it is published
// again; meanwhile the newer one is its Candidate.
func (c *Catalog) Push(ctx context.Context, vendor string, r io.Reader) (Package, Service, error) {
	return c.push(ctx, vendor, r, c.options)
}

// PushStrictly is Push for a vendor who wants every deviation refused.
func (c *Catalog) PushStrictly(ctx context.Context, vendor string, r io.Reader) (Package, Service, error) {
	options := c.options
	options.Strict = true
	return c.push(ctx, vendor, r, options)
}

func (c *Catalog) push(ctx context.Context, vendor string, r io.Reader, options ovf.Options) (p Package, s Service, err error) {
	if !vendorName.MatchString(vendor) {
		return p, s, fault.New(fault.Invalid, "a vendor's name has 1 to 63 lower-case letters, digits and hyphens, not %q", vendor)
	}
	upload, err := c.begin(ctx, vendor, r)
	if err != nil {
		return p, s, err
	}
	defer upload.end()
	staged, err := c.blobs.Stage(ctx)
	if err != nil {
		return p, s, err
	}
	defer func() {
		if err := staged.Close(); err != nil {
			c.log.Error("cannot remove what a push has staged", "error", err)
		}
	}()
	pkg, err := ovf.Ingest(ctx, upload, staged, options)
	if err != nil {
		return p, s, refusal(err)
	}
	described := describe(vendor, pkg)
	described.Icon = iconOf(pkg, staged.Open)
	// All bytes are here and verified: a caller who goes now does not leave half of
	// it. Under the lock nobody can collect a blob between its arrival and the
	// document that refers to it, or remove the package before its service is made.
	ctx = context.WithoutCancel(ctx)
	err = c.locked(ctx, func(ctx context.Context) error {
		if err = c.keepEULAs(ctx, pkg); err != nil {
			return err
		}
		if p, err = c.keep(ctx, described, staged); err == nil {
			s, err = c.refresh(ctx, p.Vendor, serviceID(p.Vendor, p.Name))
		}
		return err
	})
	return p, s, err
}

var vendorName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// refusal tells the caller what is wrong with the package.
func refusal(err error) error {
	var refused *ovf.Refused
	if !errors.As(err, &refused) {
		return noSpace(fmt.Errorf("cannot keep the package: %w", err))
	}
	details := []string{}
	for _, f := range refused.Findings.Errors() {
		details = append(details, f.String())
	}
	kind := fault.Invalid
	if errs := refused.Findings.Errors(); len(errs) > 0 && errs[0].Code == ovf.CodeSizeLimit {
		kind = fault.TooLarge
	}
	return &fault.Error{Kind: kind, Message: first(append(details, "the package cannot be read")...), Details: details}
}

// keep stores a verified package, or finds that it is there.
func (c *Catalog) keep(ctx context.Context, p Package, staged Stage) (Package, error) {
	old, err := c.packages.Get(ctx, string(p.ID))
	switch {
	case errors.Is(err, fault.NotFound):
		if err := c.Room(ctx, p.Vendor, p.size()); err != nil {
			return p, err
		}
		if p.Pushed, err = c.momentAfter(ctx, p); err != nil {
			return p, err
		}
		err := staged.Add(ctx, p.Files)
		if err == nil {
			err = c.packages.Create(ctx, string(p.ID), p)
		}
		if err != nil { // what a store that is gone keeps us from tidying is tidied at the next start
			err = errors.Join(err, c.drop(ctx, p.digests()))
		}
		return p, err
	case err != nil:
		return p, err
	case old.Digest != p.Digest:
		return p, fault.New(fault.Conflict, "package %q exists with other content; give the new one another version", p.ID)
	}
	same := slices.DeleteFunc(p.Files, func(f File) bool { return !old.holds(f.Digest) })
	return old, staged.Add(ctx, same)
}

// momentAfter is when a package counts as pushed: after all others of its service,
// also when a clock went back or another broker's is ahead.
func (c *Catalog) momentAfter(ctx context.Context, p Package) (time.Time, error) {
	latest, err := c.latest(ctx, p.Vendor, serviceID(p.Vendor, p.Name))
	if errors.Is(err, fault.NotFound) {
		return p.Pushed, nil
	}
	if err == nil && !p.Pushed.After(latest.Pushed) {
		return latest.Pushed.Add(1), nil
	}
	return p.Pushed, err
}

func (p Package) holds(digest string) bool {
	return slices.ContainsFunc(p.Files, func(f File) bool { return f.Digest == digest })
}

// describe is the package's document. Members that belong to nothing are not kept.
func describe(vendor string, pkg *ovf.Package) Package {
	about := pkg.Inspect()
	p := Package{
		Vendor: vendor, Name: packageName(about.Package.Name, pkg.Product()), Version: versionOf(about.Package.Version),
		Digest: digestPrefix + pkg.Digest, Descriptor: pkg.Descriptor,
		Verification: pkg.Verification, Findings: pkg.Findings, EULAs: eulasOf(pkg), Pushed: now(),
	}
	p.ID = packageID(p.Vendor, p.Name, p.Version)
	for _, m := range pkg.Members {
		if m.Kind == ovf.KindExtra {
			continue
		}
		p.Files = append(p.Files, File{Name: m.Name, Digest: digestPrefix + m.SHA256, Size: m.Size, Format: string(m.Format), Virtual: m.VirtualBytes})
	}
	p.Images = imagesOf(pkg)
	return p
}
