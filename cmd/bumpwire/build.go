package main

import (
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func newPackageBuild(c *cli) *cobra.Command {
	var out, digest string
	var s signing
	var opts ovf.BuildOptions
	cmd := &cobra.Command{
		Use: "build DIR", Short: "Make an OVA of a folder: descriptor, manifest, files; signed when a key is given",
		Long: `Make an OVA of a folder that holds a descriptor (.ovf) and the files it refers to:
the descriptor, a new manifest, a certificate file when a key is given, the files.
Other files are left out, sizes that the descriptor leaves out are filled in. Equal
folders give equal bytes, but for ECDSA signatures. Exit code 2 when the folder is no
valid package; then nothing is written.`,
		Args: exactly("a folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Signer, err = s.signer(); err != nil {
				return err
			}
			if opts.Hash, err = digestOf(digest); err != nil {
				return err
			}
			if out == "" {
				out = nameOf(args[0]) + ".ova"
			}
			p, err := c.build(cmd.Context(), args[0], out, opts)
			if err != nil {
				return err
			}
			r := built{Path: out, Signed: opts.Signer != nil, Inspection: p.Inspect()}
			return c.print(r, facts("made", out, "digest", p.Digest, "signed", r.Signed))
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "the OVA to write; empty: the folder's name with .ova")
	cmd.Flags().StringVar(&digest, "digest", "sha256", "of the manifest: sha256, sha384 or sha512")
	s.flags(cmd)
	strictFlag(cmd, &opts.Strict)
	return cmd
}

// built is the answer as JSON: what was made, and what is in it.
type built struct {
	Path   string `json:"path"`
	Signed bool   `json:"signed"`
	ovf.Inspection
}

func digestOf(name string) (crypto.Hash, error) {
	hash, ok := map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}[strings.ToLower(name)]
	if !ok {
		return 0, fault.New(fault.Invalid, "--digest is sha256, sha384 or sha512, not %q", name)
	}
	return hash, nil
}

// nameOf is what a folder is called, also where it is given as a dot.
func nameOf(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return filepath.Base(dir)
}

func (c *cli) build(ctx context.Context, dir, out string, opts ovf.BuildOptions) (p *ovf.Package, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fault.New(fault.Invalid, "cannot read the folder: %s", err)
	} else if !info.IsDir() {
		return nil, fault.New(fault.Invalid, "%s is not a folder; name the folder that the descriptor lies in", dir)
	}
	more, finish := c.reading("building "+filepath.Base(out), 2*bytesAt(dir))
	opts.Progress = more
	err = create(out, func(w io.Writer) error {
		p, err = ovf.Build(ctx, dir, w, opts)
		return err
	})
	finish()
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
