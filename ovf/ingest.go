package ovf

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Ingest reads an OVA from r, once and from front to back, and hands each
// member to sink while its digests are computed. Only a package without an
// error finding is committed. The package is returned for the report also when
// it was refused; the error is then a *Refused. Any other error means that
// the stream or the sink failed, or that ctx ended.
//
// Memory does not depend on the size of the package. Bytes behind the end of
// the archive are not read to their end.
func Ingest(ctx context.Context, r io.Reader, sink Sink, opts Options) (*Package, error) {
	in := newIntake(ctx, sink, opts)
	in.hasty = true
	pkg, err := in.archive(r)
	if err == nil && !pkg.Valid() {
		err = &Refused{pkg.Findings}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		if err = sink.Commit(pkg); err == nil {
			return pkg, nil
		}
		err = fmt.Errorf("cannot keep the package: %w", err)
	}
	if abortErr := sink.Abort(); abortErr != nil {
		err = errors.Join(err, fmt.Errorf("cannot remove what was kept of a failed package: %w", abortErr))
	}
	var refused *Refused
	if !errors.As(err, &refused) {
		return nil, err
	}
	return pkg, err
}

// archive reads the stream into the intake and judges what came.
func (in *intake) archive(r io.Reader) (*Package, error) {
	buffered := bufio.NewReaderSize(r, 64*kib)
	start, err := buffered.Peek(32774)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot read the package: %w", err)
	}
	if what := foreignContainer(start); what != "" {
		in.report.file(Error, CodeContainer, "", "this is %s, not a tar archive", what)
		in.stopped = true
		return in.finish(whole), nil
	}
	defer in.endLook()
	tar := &tarReader{r: buffered}
	for !in.stopped {
		in.current = "" // a bad header belongs to no member
		entry, err := tar.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && entry.directory {
			in.report.file(Warning, CodeMemberDirectory, entry.name, "a directory in the archive is ignored")
			err = in.count(0)
		} else if err == nil {
			err = in.member(entry.name, entry.size, tar)
		}
		if err = in.archiveFinding(err); err != nil {
			return nil, err
		}
		in.stopped = in.stopped || (in.hasty && in.report.findings.HasErrors())
	}
	if tar.noEnd {
		in.report.file(Warning, CodeNoEndMarker, "", "the archive has no end marker")
	}
	in.trailer = tar.trailer
	return in.finish(whole), nil
}

// archiveFinding turns what is wrong with the archive itself into a finding
// and hands every other error back.
func (in *intake) archiveFinding(err error) error {
	var archive *archiveError
	if errors.As(err, &archive) {
		in.report.file(Error, archive.code, in.current, "%s", archive.message)
		in.stopped = true
		return nil
	}
	return err
}

// foreignContainer names what a file is that begins like this and is no tar
// archive; "" when it may be one.
func foreignContainer(start []byte) string {
	if at(start, 257, "ustar") {
		return ""
	}
	for _, known := range []struct {
		offset      int
		magic, name string
	}{
		{0, "\x1f\x8b", "a gzip file"}, {0, "\xfd7zXZ\x00", "an xz file"}, {0, "PK\x03\x04", "a zip archive"},
		{0, "7z\xbc\xaf\x27\x1c", "a 7z archive"}, {0, "BZh", "a bzip2 file"}, {0, "\x28\xb5\x2f\xfd", "a zstd file"},
		{0, "\x7fELF", "a program"}, {0, "KDMV", "a VMDK disk image"}, {0, "QFI\xfb", "a QCOW2 disk image"},
		{32769, "CD001", "an ISO image"},
	} {
		if at(start, known.offset, known.magic) {
			return known.name
		}
	}
	text := bytes.ToLower(bytes.TrimSpace(start[:min(len(start), 512)]))
	switch {
	case len(start) == 0:
		return "an empty file"
	case bytes.HasPrefix(text, []byte("<!doctype html")), bytes.HasPrefix(text, []byte("<html")):
		return "a web page"
	case bytes.HasPrefix(text, []byte("<")):
		return "an XML file"
	case len(start) < blockSize:
		return "too short a file"
	}
	return "of an unknown format"
}
