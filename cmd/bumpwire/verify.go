package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func newPackageVerify(c *cli) *cobra.Command {
	var how reading
	cmd := &cobra.Command{
		Use: "verify PATH", Short: "Check every file of a package against its manifest, and the signature; needs no broker",
		Long: `Check every file of a package against its manifest, and the signature over the
manifest; needs no broker.

Exit code 0 when every file is listed and matches and the signature, if there is
one, is right; with --trust only when it leads to a certificate of that store. 2
when not.`,
		Args: exactly("a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := how.open(c, cmd, args[0])
			if err != nil {
				return err
			}
			if err := c.printVerification(p); err != nil {
				return err
			}
			return verified(p, how.trust != "")
		},
	}
	how.flags(cmd)
	return cmd
}

func trustFlag(cmd *cobra.Command, trust *string) {
	cmd.Flags().StringVar(trust, "trust", "", "who may sign: a PEM file, or a folder of .pem, .crt, .cer and .crl files")
}

// trustStore reads a trust store; nil when none is named.
func trustStore(path string) (*ovf.TrustStore, error) {
	if path == "" {
		return nil, nil
	}
	store, err := ovf.LoadTrustStore(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s", err)
	}
	return store, nil
}

// verification is the report as JSON.
type verification struct {
	Valid       bool               `json:"valid"`
	Package     string             `json:"package"`
	Version     string             `json:"version"`
	Digest      string             `json:"digest"`
	Manifest    ovf.ManifestState  `json:"manifest"`
	Signature   ovf.SignatureState `json:"signature"`
	Reason      string             `json:"reason"`
	Certificate *certificateReport `json:"certificate"` // null: unsigned, or it cannot be read
	Files       []fileReport       `json:"files"`
	Findings    ovf.Findings       `json:"findings"`
}

type certificateReport struct {
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the DER form
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	CheckedAt   time.Time `json:"checked_at"` // by this machine's clock
}

type fileReport struct {
	Name   string        `json:"name"`
	State  ovf.FileState `json:"state"`
	Size   int64         `json:"size"`
	SHA256 string        `json:"sha256"`
}

func reportOf(p *ovf.Package) verification {
	i, v := p.Inspect(), p.Verification
	r := verification{
		Valid: p.Valid(), Package: i.Package.Name, Version: i.Package.Version, Digest: p.Digest, Manifest: v.Manifest,
		Signature: v.Signature, Reason: v.Reason, Files: []fileReport{}, Findings: i.Findings,
	}
	if cert := v.Certificate; cert != nil {
		r.Certificate = &certificateReport{cert.Subject, cert.Issuer, cert.Fingerprint, cert.NotBefore.UTC(), cert.NotAfter.UTC(), v.CheckedAt.UTC()}
	}
	for _, f := range p.FileStates() {
		m, _ := p.Member(f.Name)
		r.Files = append(r.Files, fileReport{f.Name, f.State, m.Size, m.SHA256})
	}
	return r
}

func (c *cli) printVerification(p *ovf.Package) error {
	r := reportOf(p)
	if c.output == "json" {
		return c.printJSON(r)
	}
	pairs := []any{"package", r.Package, "version", r.Version, "digest", r.Digest, "manifest", r.Manifest, "signature", r.Signature, "reason", r.Reason}
	if err := c.print(r, facts(append(pairs, certificateFacts(p.Verification)...)...)); err != nil {
		return err
	}
	if len(r.Files) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	t := table{head: []string{"FILE", "STATE", "SIZE", "SHA-256"}}
	for _, f := range r.Files {
		t.add(f.Name, f.State, bytesOf(f.Size), f.SHA256)
	}
	return c.print(r, t)
}

// certificateFacts are what is told of a signer to a person.
func certificateFacts(v ovf.Verification) []any {
	cert := v.Certificate
	if cert == nil {
		return nil
	}
	return []any{
		"signer", cert.Subject, "issuer", cert.Issuer, "fingerprint", "sha256:" + cert.Fingerprint,
		"valid", text(cert.NotBefore) + " to " + text(cert.NotAfter), "checked", v.CheckedAt,
	}
}

// verified says what keeps a package from counting as verified.
func verified(p *ovf.Package, mustTrust bool) error {
	v := p.Verification
	switch {
	case !p.Valid():
		return refused(&ovf.Refused{Findings: p.Findings})
	case v.Manifest == ovf.ManifestAbsent:
		return fault.New(fault.Invalid, "there is no manifest, so nothing is verified")
	case v.Manifest != ovf.ManifestVerified:
		return fault.New(fault.Invalid, "the manifest does not cover every file")
	case mustTrust && v.Signature == ovf.Unsigned:
		return fault.New(fault.Invalid, "no trusted certificate signed this package: it is unsigned")
	case mustTrust && v.Signature != ovf.SignatureTrusted:
		return fault.New(fault.Invalid, "no trusted certificate signed this package: %s", v.Reason)
	}
	return nil
}
