package ovf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Open inspects a package in place: a folder with one descriptor, a .ovf or an
// OVA. A .ovf is looked at with those of its files that lie beside it; ones
// that do not are a warning there, and an error in a folder or an OVA. What is
// wrong with the package is in its findings; the error is for a path that
// cannot be read.
func Open(ctx context.Context, path string, opts Options) (*Package, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open package: %w", err)
	}
	if opts.Name == "" {
		opts.Name = filepath.Base(path)
	}
	if info.IsDir() {
		return openFolder(ctx, path, opts)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot open package %q: it is neither a file nor a folder", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open package: %w", err)
	}
	defer f.Close()
	if isArchive(f, path) {
		in := newIntake(ctx, discard{}, opts)
		return in.archive(f)
	}
	base := baseName(filepath.Base(path))
	return openDescriptor(ctx, filepath.Dir(path), filepath.Base(path), []string{base + ".mf", base + ".cert"}, alone, opts)
}

// isArchive reports whether the file is to be read as an OVA. A descriptor may
// have any name; it is known by how it begins.
func isArchive(f *os.File, path string) bool {
	start := make([]byte, blockSize)
	n, _ := f.ReadAt(start, 0)
	if at(start[:n], 257, "ustar") {
		return true
	}
	ending := strings.ToLower(filepath.Ext(path))
	text := bytes.TrimLeft(bytes.TrimPrefix(start[:n], []byte("\xef\xbb\xbf")), " \t\r\n")
	return ending == ".ova" || (ending != ".ovf" && !bytes.HasPrefix(text, []byte("<")) && n > 0 && start[0] < 0xfe)
}

func openFolder(ctx context.Context, dir string, opts Options) (*Package, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open package: %w", err)
	}
	var descriptors, beside []string
	for _, e := range entries {
		switch kindByName(e.Name()) {
		case KindDescriptor:
			descriptors = append(descriptors, e.Name())
		case KindManifest, KindCertificate:
			beside = append(beside, e.Name())
		}
	}
	if len(descriptors) == 1 {
		return openDescriptor(ctx, dir, descriptors[0], beside, whole, opts)
	}
	in := newIntake(ctx, discard{}, opts)
	in.stopped = len(descriptors) > 1
	for i := 1; i < len(descriptors); i++ {
		in.report.file(Error, CodeDescriptorCount, descriptors[i], "the folder has a second descriptor; the first is %q", descriptors[0])
	}
	return in.finish(whole), nil
}

// openDescriptor reads a descriptor, the manifest and certificate beside it, and
// what they refer to out of one folder, which nothing can lead out of.
func openDescriptor(ctx context.Context, dir, name string, beside []string, c completeness, opts Options) (*Package, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot open package: %w", err)
	}
	defer root.Close()
	in := newIntake(ctx, discard{}, opts)
	in.scope = c
	defer in.endLook()
	if err := in.descriptorFrom(root, name); err != nil {
		return nil, err
	}
	if opts.making != 0 {
		beside = nil
	}
	if err := in.membersFrom(root, beside); err != nil {
		return nil, err
	}
	var names []string
	for _, f := range in.reader.pkg.Files {
		names = append(names, in.candidates(root, f)...)
	}
	for _, line := range in.lines {
		names = append(names, line.Name)
	}
	if err := in.membersFrom(root, names); err != nil {
		return nil, err
	}
	return in.finish(c), nil
}

// membersFrom takes those of the files that are there.
func (in *intake) membersFrom(root *os.Root, names []string) error {
	for _, name := range names {
		if err := in.memberFrom(root, name); err != nil {
			return err
		}
	}
	return nil
}

// descriptorFrom takes the descriptor whatever its name is.
func (in *intake) descriptorFrom(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("cannot open descriptor: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("cannot open descriptor: %w", err)
	}
	in.names[fold(name)] = name
	if err := in.small(name, info.Size(), f, KindDescriptor, &in.descriptor, in.limits.Descriptor); err != nil {
		return err
	}
	if in.reader == nil { // too long to be read at all
		in.reader = in.newReader(name)
	}
	return nil
}

// candidates are the files that an entry of References may lie in.
func (in *intake) candidates(root *os.Root, f File) []string {
	if f.Name == "" {
		return nil
	}
	if raw, err := memberName(f.Href); err == nil && raw != f.Name {
		if _, err := root.Lstat(raw); err == nil {
			return []string{raw}
		}
	}
	if f.ChunkSize == 0 {
		return []string{f.Name}
	}
	var pieces []string
	for n := 0; n < in.limits.Members; n++ {
		piece := fmt.Sprintf("%s.%09d", f.Name, n)
		if _, err := root.Lstat(piece); err != nil {
			break
		}
		pieces = append(pieces, piece)
	}
	return append(pieces, f.Name)
}

// memberFrom takes a file of the folder, if it is there.
func (in *intake) memberFrom(root *os.Root, name string) error {
	if _, twice := in.names[fold(name)]; twice {
		return nil
	}
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open member: %w", err)
	}
	if !info.Mode().IsRegular() {
		in.report.file(Error, CodeMemberType, name, "the file is no regular file")
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("cannot open member: %w", err)
	}
	defer f.Close()
	return in.archiveFinding(in.member(name, info.Size(), f))
}

// discard is the sink of an inspection.
type discard struct{}

func (discard) Create(string, int64) (io.WriteCloser, error) { return discard{}, nil }
func (discard) Write(p []byte) (int, error)                  { return len(p), nil }
func (discard) Close() error                                 { return nil }
func (discard) Commit(*Package) error                        { return nil }
func (discard) Abort() error                                 { return nil }
