package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func newPackageInspect(c *cli) *cobra.Command {
	var how reading
	cmd := &cobra.Command{
		Use: "inspect PATH", Short: "Read and check a .ovf, a .ova or a folder; needs no broker",
		Long: `Read and check a .ovf, a .ova or a folder; needs no broker.

Every problem is one line, file:line:column: severity code: message, which editors
jump to; docs/ovf-findings.md tells what each code means and what to do. Exit code
0 when the package is valid, 2 when it is not.`,
		Args: exactly("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := how.open(c, cmd, args[0])
			if err != nil {
				return err
			}
			return c.printInspection(args[0], p)
		},
	}
	how.flags(cmd)
	return cmd
}

// reading are the flags that say how a package is to be read.
type reading struct {
	trust  string
	strict bool
}

func (r *reading) flags(cmd *cobra.Command) {
	trustFlag(cmd, &r.trust)
	strictFlag(cmd, &r.strict)
}

func strictFlag(cmd *cobra.Command, strict *bool) {
	cmd.Flags().BoolVar(strict, "strict", false, "refuse every deviation: warnings are errors, but for those about what the standard allows")
}

func (r *reading) open(c *cli, cmd *cobra.Command, path string) (*ovf.Package, error) {
	store, err := trustStore(r.trust)
	if err != nil {
		return nil, err
	}
	read, finish := c.reading("reading "+filepath.Base(path), bytesAt(path))
	p, err := ovf.Open(cmd.Context(), path, ovf.Options{Trust: store, Strict: r.strict, Progress: read})
	finish()
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the package: %s", err)
	}
	return p, nil
}

// reading is progress for what tells of bytes as they come.
func (c *cli) reading(what string, size int64) (more func(int), finish func()) {
	seen, finish := c.progress(what, size)
	var done int64
	return func(n int) {
		done += int64(n)
		seen(min(done, size))
	}, finish
}

// bytesAt is how much there may be to read of a package: a file, or what lies in
// its folder. It is for people; what cannot be read is told elsewhere.
func bytesAt(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	dir := path
	if !info.IsDir() {
		if filepath.Ext(path) != ".ovf" {
			return info.Size()
		}
		dir = filepath.Dir(path)
	}
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

func (c *cli) printInspection(path string, p *ovf.Package) error {
	i := p.Inspect()
	if err := c.showInspection(path, i, p); err != nil {
		return err
	}
	if !i.Valid {
		return told{fault.Invalid}
	}
	return nil
}

func (c *cli) showInspection(path string, i ovf.Inspection, p *ovf.Package) error {
	if c.output == "json" {
		return c.printJSON(i)
	}
	valid := "yes"
	if !i.Valid {
		valid = "no"
	}
	if err := c.print(i, facts("valid", valid, "package", i.Package.Name, "version", i.Package.Version, "vendor", i.Package.Vendor,
		"product", i.Package.Product, "OVF", i.Package.OVFVersion, "digest", i.Package.Digest,
		"manifest", i.Verification.Manifest, "signature", i.Verification.Signature, "networks", i.Networks, "limits", inspectedLimits(i), "environment", inspectedEnvironments(i),
		"startup", inspectedStartup(i), "copies", inspectedCopies(i), "placement", inspectedPlacement(i), "licences", inspectedLicences(i))); err != nil {
		return err
	}
	if err := c.printPlans(i); err != nil {
		return err
	}
	for n, f := range p.Findings {
		if n == 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintln(c.out, reachable(path, f))
	}
	return nil
}

// reachable names the file of a finding by a path that an editor here can open,
// where it lies in a folder; files in an archive keep their names.
func reachable(path string, f ovf.Finding) ovf.Finding {
	dir := path
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		dir = filepath.Dir(path)
	}
	if at := filepath.Join(dir, f.File); f.File != "" && f.Line > 0 {
		if _, err := os.Stat(at); err == nil && filepath.IsLocal(f.File) {
			f.File = at
		}
	}
	return f
}

func (c *cli) printPlans(i ovf.Inspection) error {
	if len(i.Plans) > 0 {
		fmt.Fprintln(c.out)
		t := table{head: []string{"PLAN", "LABEL", "VCPUS", "MEMORY", "DISKS", "NICS"}}
		for _, plan := range i.Plans {
			disks, nics := 0, []string{}
			for _, s := range plan.Systems {
				disks += len(s.Disks)
				for _, nic := range s.NICs {
					nics = append(nics, fmt.Sprintf("%s:%s", nic.Name, text(nic.Role)))
				}
			}
			name := plan.ID
			if plan.Default {
				name += " (default)"
			}
			t.add(name, plan.Label, plan.VCPUs, bytesOf(plan.MemoryBytes), disks, nics)
		}
		if err := c.print(i, t); err != nil {
			return err
		}
	}
	if len(i.Properties) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	t := table{head: []string{"PROPERTY", "TYPE", "DEFAULT", "REQUIRED", "SETTABLE", "LABEL"}}
	for _, p := range i.Properties {
		standard := ""
		if p.Default != nil {
			standard = *p.Default
		}
		t.add(p.Key, p.Type, standard, p.Required, p.UserConfigurable, p.Label)
	}
	return c.print(i, t)
}
