package main

import (
	"crypto/x509"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func newPackageInspect(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "inspect PATH", Short: "Read and check a .ovf, a .ova or a folder; needs no broker",
		Long: `Read and check a .ovf, a .ova or a folder; needs no broker.

Exit code 0 when the package is valid, 2 when it is not; the findings say where
and why.`,
		Args: exactly("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := openPackage(cmd, args[0], nil)
			if err != nil {
				return err
			}
			return c.printInspection(p)
		},
	}
}

func openPackage(cmd *cobra.Command, path string, trust *x509.CertPool) (*ovf.Package, error) {
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

func newPackageVerify(c *cli) *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use: "verify PATH", Short: "Check a package's manifest and signature; needs no broker",
		Long: `Check a package's manifest and signature; needs no broker.

Exit code 0 when every file matches the manifest and the signature, if there is
one, is right; with --trust also only when a trusted certificate made it.`,
		Args: exactly("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			pool, err := trusted(trust)
			if err != nil {
				return err
			}
			p, err := openPackage(cmd, args[0], pool)
			if err != nil {
				return err
			}
			return c.printVerification(p, pool != nil)
		},
	}
	cmd.Flags().StringVar(&trust, "trust", "", "PEM file with the certificates that may sign")
	return cmd
}

func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the trusted certificates: %s", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.Invalid, "%s holds no certificate in PEM form", file)
	}
	return pool, nil
}

func (c *cli) printVerification(p *ovf.Package, mustTrust bool) error {
	v := p.Verification
	signer := ""
	if v.Certificate != nil {
		signer = v.Certificate.Subject
	}
	if err := c.print(map[string]any{"valid": p.Valid(), "manifest": v.Manifest, "signature": v.Signature, "signer": signer, "digest": p.Digest},
		facts("manifest", v.Manifest, "signature", v.Signature, "signer", signer, "digest", p.Digest)); err != nil {
		return err
	}
	switch {
	case !p.Valid():
		details := make([]string, 0, len(p.Findings))
		for _, f := range p.Findings.Errors() {
			details = append(details, f.String())
		}
		return &fault.Error{Kind: fault.Invalid, Message: "the package is not valid", Details: details}
	case v.Manifest != ovf.ManifestVerified:
		return fault.New(fault.Invalid, "the manifest proves nothing: it is %s", v.Manifest)
	case mustTrust && v.Signature != ovf.SignatureTrusted:
		return fault.New(fault.Invalid, "no trusted certificate signed this package: its signature is %s", v.Signature)
	}
	return nil
}
