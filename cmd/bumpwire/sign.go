package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// signing are the flags that name a key and its certificate.
type signing struct{ key, certificate, form string }

func (s *signing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.key, "key", "", "PEM file with the private key, RSA or ECDSA")
	cmd.Flags().StringVar(&s.certificate, "certificate", "", "PEM file with the certificate, its chain after it")
	cmd.Flags().StringVar(&s.form, "form", "pem", "of the certificate file: pem (a line and PEM certificates), or cms (a CMS message behind them)")
}

func newPackageSign(c *cli) *cobra.Command {
	var s signing
	cmd := &cobra.Command{
		Use: "sign MANIFEST", Short: "Sign the manifest (.mf) of an unpacked package: writes the certificate file (.cert) beside it",
		Long: `Sign the manifest (.mf) of an unpacked package: writes the certificate file (.cert)
beside it. Files of the package that lie there must be what the manifest says. In
place of the manifest its folder may be named.`,
		Args: exactly("a manifest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signer, err := s.signer()
			if err != nil {
				return err
			}
			if signer == nil {
				return fault.New(fault.Invalid, "signing needs --key and --certificate")
			}
			manifest, err := manifestAt(args[0])
			if err != nil {
				return err
			}
			if err := c.fitting(cmd, manifest); err != nil {
				return err
			}
			path, err := sign(manifest, *signer)
			if err != nil {
				return err
			}
			return c.print(map[string]string{"certificate": path, "manifest": manifest}, facts("made", path))
		},
	}
	s.flags(cmd)
	return cmd
}

// manifestAt is a manifest, or the one of a folder.
func manifestAt(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		found, _ := filepath.Glob(filepath.Join(path, "*.mf")) // a pattern that is right has no error
		if len(found) != 1 {
			return "", fault.New(fault.Invalid, "%s holds %d manifests (.mf); name one", path, len(found))
		}
		return found[0], nil
	}
	if filepath.Ext(path) != ".mf" {
		return "", fault.New(fault.Invalid, "%s is not a manifest: its name must end in .mf; `bumpwire package build` signs an OVA as it makes it", path)
	}
	return path, nil
}

// fitting refuses to sign for files that are not what the manifest says.
func (c *cli) fitting(cmd *cobra.Command, manifest string) error {
	descriptor := strings.TrimSuffix(manifest, ".mf") + ".ovf"
	if _, err := os.Stat(descriptor); err != nil {
		return nil // the files lie elsewhere
	}
	p, err := (&reading{}).open(c, cmd, descriptor)
	if err != nil {
		return err
	}
	if p.Verification.Manifest == ovf.ManifestFailed {
		return refused(&ovf.Refused{Findings: p.Findings})
	}
	return nil
}

func sign(manifest string, signer ovf.Signer) (path string, err error) {
	text, err := os.ReadFile(manifest)
	if err != nil {
		return "", fault.New(fault.Invalid, "cannot read the manifest: %s", err)
	}
	certificate, err := signer.Sign(filepath.Base(manifest), text)
	if err != nil {
		return "", fault.New(fault.Invalid, "%s", err)
	}
	path = strings.TrimSuffix(manifest, ".mf") + ".cert"
	return path, create(path, func(w io.Writer) error {
		_, err := w.Write(certificate)
		return err
	})
}

// signer reads key and certificate; nil when neither is named.
func (s signing) signer() (*ovf.Signer, error) {
	if s.form != "pem" && s.form != "cms" {
		return nil, fault.New(fault.Invalid, "--form is pem or cms, not %q", s.form)
	}
	if s.key == "" && s.certificate == "" {
		return nil, nil
	}
	if s.key == "" || s.certificate == "" {
		return nil, fault.New(fault.Invalid, "--key and --certificate belong together")
	}
	key, err := readKey(s.key)
	if err != nil {
		return nil, err
	}
	chain, err := readCertificates(s.certificate)
	if err != nil {
		return nil, err
	}
	if now := time.Now(); now.After(chain[0].NotAfter) {
		return nil, fault.New(fault.Invalid, "the certificate in %s was valid until %s only; nobody would trust what it signs",
			s.certificate, chain[0].NotAfter.UTC().Format(time.DateOnly))
	}
	return &ovf.Signer{Key: key, Certificate: chain[0], Chain: chain[1:], CMS: s.form == "cms"}, nil
}

func readKey(file string) (crypto.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the key: %s", err)
	}
	block, rest := pem.Decode(text)
	for block != nil && !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		block, rest = pem.Decode(rest) // an EC key may stand behind its parameters
	}
	if block == nil {
		return nil, fault.New(fault.Invalid, "%s holds no private key in PEM form", file)
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, fault.New(fault.Invalid, "the key in %s is not an unencrypted RSA or ECDSA key", file)
}

func readCertificates(file string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the certificate: %s", err)
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "a certificate in %s cannot be read: %s", file, err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, fault.New(fault.Invalid, "%s holds no certificate in PEM form", file)
	}
	return chain, nil
}
