package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newPackage(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "package", Short: "OVF packages"},
		newPackageInspect(c), newPackagePush(c), newPackageBuild(c), newPackageSign(c), newPackageVerify(c), newPackageList(c),
		&cobra.Command{
			Use: "show PACKAGE", Short: "Show a stored package, vendor/name@version", Args: exactly("a package"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				p, err := a.Package(ctx, args[0])
				return c.printPackage(p, err)
			}),
		},
		&cobra.Command{
			Use: "remove PACKAGE", Short: "Remove a stored package that nothing needs", Args: exactly("a package"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				return c.done(a.RemovePackage(ctx, args[0]), "package %s was removed", args[0])
			}),
		},
	)
}

func newPackageList(c *cli) *cobra.Command {
	var vendor string
	cmd := &cobra.Command{
		Use: "list", Short: "List stored packages", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Packages(ctx, vendor)
			if err != nil {
				return err
			}
			t := table{head: []string{"PACKAGE", "DIGEST", "FILES", "PUSHED"}}
			for _, p := range all {
				t.add(p.ID, p.Digest, len(p.Files), p.Pushed)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	cmd.Flags().StringVar(&vendor, "vendor", "", "only this vendor's")
	return cmd
}

func (c *cli) printPackage(p api.Package, err error) error {
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.printJSON(p)
	}
	about := []any{"package", p.ID, "vendor", p.Vendor, "name", p.Name, "version", p.Version, "digest", p.Digest,
		"manifest", p.Verification.Manifest, "signature", p.Verification.Signature, "reason", p.Verification.Reason}
	about = append(append(about, certificateFacts(p.Verification)...), "licences", eulaNames(p.EULAs), "pushed", p.Pushed)
	if err := c.print(p, facts(about...)); err != nil {
		return err
	}
	c.say("")
	t := table{head: []string{"FILE", "SIZE", "FORMAT", "DIGEST"}}
	for _, f := range p.Files {
		t.add(f.Name, bytesOf(f.Size), f.Format, f.Digest)
	}
	for _, i := range p.Images {
		t.add(i.Name+" (unpacked)", bytesOf(i.Size), i.Format, i.Digest)
	}
	return c.print(p, t)
}

func newPackagePush(c *cli) *cobra.Command {
	var vendor string
	var strict bool
	cmd := &cobra.Command{
		Use: "push OVA", Short: "Upload a package; it becomes a draft service",
		Long: `Upload a package; it becomes a draft service.

The broker verifies it while it streams in and keeps all of it or nothing. An upload
that breaks off is not resumed: push again; the same package twice has no effect.`,
		Args: exactly("an OVA"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			f, size, err := openUpload(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			draw, finish := c.progress("pushing "+filepath.Base(args[0]), size)
			sent := int64(0)
			push := a.Push
			if strict {
				push = a.PushStrictly
			}
			pushed, err := push(ctx, vendor, f, size, func(n int64) { sent = n; draw(n) })
			finish()
			if err != nil {
				return brokenOff(err, sent, size)
			}
			return c.printPushed(pushed)
		}),
	}
	cmd.Flags().StringVar(&vendor, "vendor", "", "for whom; a vendor's user may leave it out")
	strictFlag(cmd, &strict)
	return cmd
}

// brokenOff adds to an error that ended an upload in its middle what has become of
// the package. Uploads are not resumed: nothing is kept of a part.
func brokenOff(err error, sent, size int64) error {
	if fault.KindOf(err) != fault.Unavailable {
		return err
	}
	what := fmt.Sprintf("%s of %s were sent; nothing of them is kept: push again", bytesOf(sent), bytesOf(size))
	switch {
	case sent == 0:
		return err
	case sent >= size:
		what = "all of it was sent, and the answer is missing: push again, which does no harm if it was kept"
	}
	f := &fault.Error{Kind: fault.Unavailable, Message: fault.Message(err), Err: err}
	var known *fault.Error
	if errors.As(err, &known) {
		f.Details = known.Details
	}
	f.Details = append(f.Details, what)
	return f
}

func openUpload(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fault.New(fault.Invalid, "cannot read the package: %s", err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, 0, fault.New(fault.Invalid, "%s is not a file; `bumpwire package build` makes an OVA of a folder", path)
	}
	return f, info.Size(), nil
}

// progress draws a bar where somebody is looking.
func (c *cli) progress(what string, size int64) (seen func(int64), finish func()) {
	f, ok := c.errs.(*os.File)
	if !ok || c.output == "json" || !isatty.IsTerminal(f.Fd()) {
		return func(int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(size, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(harmless(what)),
		progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	return func(n int64) { _ = bar.Set64(n) }, func() { _ = bar.Finish() }
}

func (c *cli) printPushed(p api.Pushed) error {
	if c.output == "json" {
		return c.printJSON(p)
	}
	if err := c.print(p, facts("package", p.Package.ID, "digest", p.Package.Digest, "manifest", p.Package.Verification.Manifest,
		"signature", p.Package.Verification.Signature, "service", p.Service.Name, "state", p.Service.State)); err != nil {
		return err
	}
	for _, f := range p.Package.Findings {
		c.say("%s", harmless(f.String()))
	}
	for _, m := range p.Service.Missing {
		c.say("missing: %s", harmless(m))
	}
	if p.Service.State == "draft" {
		c.say("next: bumpwire service publish %s", p.Service.Name)
	}
	return nil
}

// create writes a new file whole or not at all.
func create(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fault.New(fault.Invalid, "cannot write %s: %s", path, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
