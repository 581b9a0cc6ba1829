package ovf

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
)

// tarReader reads a tar stream member by member. It takes what OVAs are made
// of in practice (POSIX ustar, GNU, pax; regular files) and refuses the rest:
// links, devices, sparse files. archive/tar is more lenient than a package
// from a stranger deserves: it expands sparse members, accepts V7 headers, and
// does not tell a missing end from a present one.
type tarReader struct {
	r       *bufio.Reader
	left    int64 // bytes of the current member not read yet
	padding int64
	noEnd   bool // the stream ended without end-of-archive blocks
	trailer bool // there are bytes after the end that are no mere padding

	extendedBytes int64 // of all extended headers so far
}

// tarEntry is one member's header.
type tarEntry struct {
	name      string
	size      int64
	directory bool
}

// archiveError is a stream that is no acceptable tar archive.
type archiveError struct {
	code    Code
	message string
}

func (e *archiveError) Error() string { return e.message }

func archiveErrorf(code Code, format string, args ...any) error {
	return &archiveError{code, fmt.Sprintf(format, args...)}
}

const (
	blockSize = 512
	// maxExtended bounds a pax or GNU header that goes before a member's own, and
	// maxAllExtended those of all members together.
	maxExtended    = mib
	maxAllExtended = 4 * mib
	// maxTrailer is how much padding there may be behind the end; writers fill
	// their last record, which has 10 KiB.
	maxTrailer = mib
)

// extended is what such headers say about the next member.
type extended struct {
	kinds   string // of the headers seen
	name    string
	size    int64
	hasSize bool
}

// next goes to the next member; it returns io.EOF at the end of the archive.
func (t *tarReader) next() (tarEntry, error) {
	if _, err := io.CopyN(io.Discard, t.r, t.left+t.padding); err != nil {
		return tarEntry{}, truncated(err)
	}
	t.left, t.padding = 0, 0
	var ext extended
	for first := true; ; first = false {
		block, err := t.block(first)
		if err != nil {
			return tarEntry{}, err
		}
		size, err := headerSize(block)
		if err != nil {
			return tarEntry{}, err
		}
		switch kind := block[156]; kind {
		case 'x', 'g', 'L':
			if err := t.extend(kind, size, &ext); err != nil {
				return tarEntry{}, err
			}
		case '0', 0, '5':
			return t.entry(block, size, ext)
		default:
			name, _ := headerName(block)
			return tarEntry{}, archiveErrorf(CodeMemberType, "member %q is a %s; a package holds only regular files", printable(name, 100), kindName(kind))
		}
	}
}

// block reads a header block and checks it.
func (t *tarReader) block(first bool) ([]byte, error) {
	block := make([]byte, blockSize)
	n, err := io.ReadFull(t.r, block)
	switch {
	case n == 0 && errors.Is(err, io.EOF) && first:
		t.noEnd = true
		return nil, io.EOF
	case err != nil:
		return nil, truncated(err)
	case isZero(block): // one is the end; readers that want two disagree about what follows
		if !first {
			return nil, archiveErrorf(CodeTarHeader, "the archive ends after an extended header")
		}
		return nil, t.end()
	}
	magic := string(block[257:265])
	if magic != "ustar\x0000" && magic != "ustar  \x00" {
		return nil, archiveErrorf(CodeTarHeader, "a header is neither POSIX nor GNU tar")
	}
	if !checksumOK(block) {
		return nil, archiveErrorf(CodeTarHeader, "a tar header has a wrong checksum")
	}
	return block, nil
}

// end looks for data hidden after the end-of-archive block. More padding than
// any writer makes counts as data too: it is not read to find out.
func (t *tarReader) end() error {
	buf := make([]byte, 32*kib)
	for seen := 0; seen <= maxTrailer; {
		n, err := t.r.Read(buf)
		if !isZero(buf[:n]) {
			break
		}
		if err != nil {
			return err // io.EOF: nothing but padding
		}
		seen += n
	}
	t.trailer = true
	return io.EOF
}

func (t *tarReader) extend(kind byte, size int64, ext *extended) error {
	if size > maxExtended {
		return archiveErrorf(CodeSizeLimit, "an extended tar header is longer than %d bytes", maxExtended)
	}
	if t.extendedBytes += size; t.extendedBytes > maxAllExtended {
		return archiveErrorf(CodeSizeLimit, "the extended tar headers are longer than %d bytes together", maxAllExtended)
	}
	if strings.IndexByte(ext.kinds, kind) >= 0 {
		return archiveErrorf(CodeTarHeader, "a member has two extended headers of one kind")
	}
	ext.kinds += string(kind)
	data := make([]byte, size+padding(size))
	if _, err := io.ReadFull(t.r, data); err != nil {
		return truncated(err)
	}
	data = data[:size]
	if kind == 'L' {
		return ext.rename(string(bytes.TrimRight(data, "\x00")))
	}
	return paxRecords(data, kind == 'g', ext)
}

func (t *tarReader) entry(block []byte, size int64, ext extended) (tarEntry, error) {
	if ext.hasSize {
		if ext.size <= maxOctal && ext.size != size {
			return tarEntry{}, archiveErrorf(CodeTarHeader, "a member's size is %d in one header and %d in another", size, ext.size)
		}
		size = ext.size
	}
	name, err := headerName(block)
	if err != nil {
		return tarEntry{}, err
	}
	e := tarEntry{name: cmp.Or(ext.name, name), size: size, directory: block[156] == '5'}
	if e.directory && size != 0 {
		return tarEntry{}, archiveErrorf(CodeMemberType, "directory %q has content", printable(e.name, 100))
	}
	t.left, t.padding = size, padding(size)
	return e, nil
}

// Read reads the current member.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	if err != nil {
		return n, truncated(err)
	}
	return n, nil
}

// truncated turns the end of a stream in the wrong place into a finding; other
// errors of the stream stay what they are.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return archiveErrorf(CodeTruncated, "the archive is cut off")
	}
	return err
}
