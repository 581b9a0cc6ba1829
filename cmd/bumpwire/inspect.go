package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func newPackageInspect(c *cli) *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use: "inspect PATH", Short: "Read and check a .ovf, a .ova or a folder; needs no broker",
		Long: `Read and check a .ovf, a .ova or a folder; needs no broker.

Exit code 0 when the package is valid, 2 when it is not; the findings say where
and why.`,
		Args: exactly("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := trustStore(trust)
			if err != nil {
				return err
			}
			p, err := openPackage(cmd, args[0], store)
			if err != nil {
				return err
			}
			return c.printInspection(p)
		},
	}
	trustFlag(cmd, &trust)
	return cmd
}

func openPackage(cmd *cobra.Command, path string, trust *ovf.TrustStore) (*ovf.Package, error) {
	p, err := ovf.Open(cmd.Context(), path, ovf.Options{Trust: trust})
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the package: %s", err)
	}
	return p, nil
}

func (c *cli) printInspection(p *ovf.Package) error {
	i := p.Inspect()
	if err := c.showInspection(i, p); err != nil {
		return err
	}
	if !i.Valid {
		return told{fault.Invalid}
	}
	return nil
}

func (c *cli) showInspection(i ovf.Inspection, p *ovf.Package) error {
	if c.output == "json" {
		return c.printJSON(i)
	}
	valid := "yes"
	if !i.Valid {
		valid = "no"
	}
	if err := c.print(i, facts("valid", valid, "package", i.Package.Name, "version", i.Package.Version, "vendor", i.Package.Vendor,
		"product", i.Package.Product, "OVF", i.Package.OVFVersion, "digest", i.Package.Digest,
		"manifest", i.Verification.Manifest, "signature", i.Verification.Signature, "networks", i.Networks)); err != nil {
		return err
	}
	if err := c.printPlans(i); err != nil {
		return err
	}
	for n, f := range p.Findings {
		if n == 0 {
			fmt.Fprintln(c.out)
		}
		fmt.Fprintln(c.out, f)
	}
	return nil
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
