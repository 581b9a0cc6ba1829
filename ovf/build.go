package ovf

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// BuildOptions of writing an OVA.
type BuildOptions struct {
	Options
	Signer *Signer     // nil: no certificate file
	Hash   crypto.Hash // of the manifest: SHA256, which is the default, SHA384 or SHA512
	Time   time.Time   // of every member; zero: 1980-01-01, so that equal input gives equal bytes
}

// Build writes the folder dir, which holds one descriptor and the files it
// refers to, as an OVA: the descriptor first, then a new manifest, the
// certificate file if there is a signer, and the files in the order of
// References (DSP0243 clause 5.3), chunks one by one. Other files of the folder
// are left out. Sizes that References leaves out are filled in, which changes
// nothing else of the descriptor. Progress is told of each byte twice: when it
// is read for the manifest and when it is written.
//
// A folder that is no valid package is a *Refused, with the package for the
// report, and then nothing has been written.
func Build(ctx context.Context, dir string, w io.Writer, opts BuildOptions) (*Package, error) {
	switch opts.making = opts.Hash; opts.Hash {
	case 0:
		opts.making = crypto.SHA256
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return nil, fmt.Errorf("cannot build package: a manifest with %s digests is not written", opts.Hash)
	}
	pkg, err := openFolder(ctx, dir, opts.Options)
	if err != nil {
		return nil, err
	}
	if !pkg.Valid() {
		return pkg, &Refused{pkg.Findings}
	}
	b, err := newBuilder(ctx, dir, w, opts)
	if err != nil {
		return nil, err
	}
	defer b.root.Close()
	if pkg, err = b.fillSizes(pkg); err != nil {
		return nil, fmt.Errorf("cannot build package: %w", err)
	}
	if err := b.write(pkg, opts.Signer); err != nil {
		return nil, fmt.Errorf("cannot build package: %w", err)
	}
	pkg.Verification.Manifest = ManifestVerified
	return pkg, nil
}

type builder struct {
	ctx  context.Context
	root *os.Root
	tar  *tar.Writer
	opts BuildOptions

	descriptor []byte // with its sizes filled in; nil: as it lies there
}

func newBuilder(ctx context.Context, dir string, w io.Writer, opts BuildOptions) (*builder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot build package: %w", err)
	}
	if opts.Time.IsZero() {
		opts.Time = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return &builder{ctx: ctx, root: root, tar: tar.NewWriter(w), opts: opts}, nil
}

func (b *builder) write(pkg *Package, signer *Signer) error {
	manifest := writeManifest(pkg.Members, b.opts.making, pkg.made)
	base := baseName(pkg.Descriptor)
	small := []smallFile{{base + ".mf", manifest}}
	if signer != nil {
		certificate, err := signer.Sign(base+".mf", manifest)
		if err != nil {
			return err
		}
		small = append(small, smallFile{base + ".cert", certificate})
	}
	for i, m := range pkg.Members {
		if err := b.file(m); err != nil {
			return err
		}
		if i > 0 {
			continue
		}
		for _, f := range small {
			if err := b.member(f.name, int64(len(f.data)), bytes.NewReader(f.data), io.Discard); err != nil {
				return err
			}
		}
	}
	return b.tar.Close()
}

// file copies a file of the folder, which must still be what it was when its
// digest went into the manifest.
func (b *builder) file(m Member) error {
	if m.Kind == KindDescriptor && b.descriptor != nil {
		return b.member(m.Name, m.Size, bytes.NewReader(b.descriptor), io.Discard)
	}
	f, err := b.root.Open(m.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	digest := crypto.SHA256.New()
	if err := b.member(m.Name, m.Size, b.opts.watched(f), digest); err != nil {
		return err
	}
	if fmt.Sprintf("%x", digest.Sum(nil)) != m.SHA256 {
		return fmt.Errorf("file %q was changed while the package was built", m.Name)
	}
	return nil
}

func (b *builder) member(name string, size int64, r io.Reader, digest io.Writer) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: b.opts.Time, Format: tar.FormatUSTAR}
	if size > maxOctal || len(name) > 100 {
		header.Format = tar.FormatPAX
	}
	if err := b.tar.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.Copy(io.MultiWriter(b.tar, digest), r)
	if errors.Is(err, tar.ErrWriteTooLong) || (err == nil && n != size) {
		return fmt.Errorf("file %q was changed while the package was built", name)
	}
	return err
}
