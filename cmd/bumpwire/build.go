package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

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

func newPackageBuild(c *cli) *cobra.Command {
	var out string
	var s signing
	var opts ovf.BuildOptions
	cmd := &cobra.Command{
		Use: "build DIR", Short: "Make an OVA of a folder: descriptor, manifest, files; signed when a key is given", Args: exactly("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signer, err := s.signer()
			if err != nil {
				return err
			}
			opts.Signer = signer
			if out == "" {
				out = filepath.Base(filepath.Clean(args[0])) + ".ova"
			}
			p, err := build(cmd.Context(), args[0], out, opts)
			if err != nil {
				return err
			}
			return c.print(p.Inspect(), facts("made", out, "digest", p.Digest, "signed", signer != nil))
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "the OVA to write; empty: the folder's name with .ova")
	s.flags(cmd)
	strictFlag(cmd, &opts.Strict)
	return cmd
}

func build(ctx context.Context, dir, out string, opts ovf.BuildOptions) (p *ovf.Package, err error) {
	err = create(out, func(w io.Writer) error {
		p, err = ovf.Build(ctx, dir, w, opts)
		return err
	})
	return p, refused(err)
}

// refused makes the findings of a refused package readable.
func refused(err error) error {
	var r *ovf.Refused
	if !errors.As(err, &r) {
		return err
	}
	f := &fault.Error{Kind: fault.Invalid, Message: "the package is not valid"}
	for _, finding := range r.Findings.Errors() {
		f.Details = append(f.Details, finding.String())
	}
	return f
}

func newPackageSign(c *cli) *cobra.Command {
	var s signing
	cmd := &cobra.Command{
		Use: "sign MANIFEST", Short: "Sign the manifest (.mf) of an unpacked package: writes the certificate file (.cert) beside it", Args: exactly("a manifest"),
		RunE: func(_ *cobra.Command, args []string) error {
			signer, err := s.signer()
			if err != nil {
				return err
			}
			if signer == nil {
				return fault.New(fault.Invalid, "signing needs --key and --certificate")
			}
			path, err := sign(args[0], *signer)
			if err != nil {
				return err
			}
			return c.print(map[string]string{"certificate": path}, facts("made", path))
		},
	}
	s.flags(cmd)
	return cmd
}

func sign(manifest string, signer ovf.Signer) (path string, err error) {
	base, ok := strings.CutSuffix(manifest, ".mf")
	if !ok {
		return "", fault.New(fault.Invalid, "%s is not a manifest: its name must end in .mf", manifest)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		return "", fault.New(fault.Invalid, "cannot read the manifest: %s", err)
	}
	certificate, err := signer.Sign(filepath.Base(manifest), text)
	if err != nil {
		return "", fault.New(fault.Invalid, "%s", err)
	}
	path = base + ".cert"
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
