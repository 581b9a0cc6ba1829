package ovf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
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
	trailer bool // there are bytes other than zero after the end
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
	// maxExtended bounds a pax or GNU header that goes before a member's own.
	maxExtended = mib
	// maxTrailer is how far behind the end is looked for hidden data.
	maxTrailer = mib
)

// extended is what such headers say about the next member.
type extended struct {
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
			return tarEntry{}, archiveErrorf(CodeMemberType, "member %q is a %s; a package holds only regular files",
				printable(headerName(block), 100), kindName(kind))
		}
	}
}

func kindName(kind byte) string {
	names := map[byte]string{
		'1': "hard link", '2': "symbolic link", '3': "character device", '4': "block device", '6': "FIFO",
		'7': "contiguous file", 'S': "sparse file", 'M': "piece of a multi-volume archive", 'K': "link with a long target",
	}
	if name, ok := names[kind]; ok {
		return name
	}
	return fmt.Sprintf("member of the unknown type %q", kind)
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
	case isZero(block):
		if !first {
			return nil, archiveErrorf(CodeContainer, "the archive ends after an extended header")
		}
		return nil, t.end()
	}
	magic := string(block[257:265])
	if magic != "ustar\x0000" && magic != "ustar  \x00" {
		return nil, archiveErrorf(CodeContainer, "a header is neither POSIX nor GNU tar")
	}
	if !checksumOK(block) {
		return nil, archiveErrorf(CodeContainer, "a tar header has a wrong checksum")
	}
	return block, nil
}

// end looks for data hidden after the end-of-archive block.
func (t *tarReader) end() error {
	buf := make([]byte, 32*kib)
	for seen := 0; seen < maxTrailer; {
		n, err := t.r.Read(buf)
		if !isZero(buf[:n]) {
			t.trailer = true
			return io.EOF
		}
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return err
		}
		seen += n
	}
	return io.EOF
}

func (t *tarReader) extend(kind byte, size int64, ext *extended) error {
	if size > maxExtended {
		return archiveErrorf(CodeLimit, "an extended tar header is longer than %d bytes", maxExtended)
	}
	data := make([]byte, size+padding(size))
	if _, err := io.ReadFull(t.r, data); err != nil {
		return truncated(err)
	}
	data = data[:size]
	if kind == 'L' {
		ext.name = string(bytes.TrimRight(data, "\x00"))
		return nil
	}
	return paxRecords(data, kind == 'g', ext)
}

// paxRecords reads "length key=value\n" records. Only the name and the size of
// a member matter here.
func paxRecords(data []byte, global bool, ext *extended) error {
	for len(data) > 0 {
		digits, _, ok := bytes.Cut(data[:min(len(data), 20)], []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits)+1 || length > len(data) || data[length-1] != '\n' {
			return archiveErrorf(CodeContainer, "a pax record has a wrong length")
		}
		key, value, ok := strings.Cut(string(data[len(digits)+1:length-1]), "=")
		data = data[length:]
		switch {
		case !ok:
			return archiveErrorf(CodeContainer, "a pax record has no value")
		case strings.HasPrefix(key, "GNU.sparse."):
			return archiveErrorf(CodeMemberType, "a sparse file is in the package; it holds only regular files")
		case key != "path" && key != "size":
		case global:
			return archiveErrorf(CodeContainer, "a global pax header sets the %s of members", key)
		case key == "path":
			ext.name = value
		default:
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return archiveErrorf(CodeContainer, "a pax record has the size %q", printable(value, 40))
			}
			ext.size, ext.hasSize = int64(n), true
		}
	}
	return nil
}

// maxOctal is the largest size the eleven octal digits of a header can say.
const maxOctal = 1<<33 - 1

func (t *tarReader) entry(block []byte, size int64, ext extended) (tarEntry, error) {
	if ext.hasSize {
		if ext.size <= maxOctal && ext.size != size {
			return tarEntry{}, archiveErrorf(CodeContainer, "a member's size is %d in one header and %d in another", size, ext.size)
		}
		size = ext.size
	}
	e := tarEntry{name: headerName(block), size: size, directory: block[156] == '5'}
	if ext.name != "" {
		e.name = ext.name
	}
	if e.directory && size != 0 {
		return tarEntry{}, archiveErrorf(CodeMemberType, "directory %q has content", printable(e.name, 100))
	}
	t.left, t.padding = size, padding(size)
	return e, nil
}

func padding(size int64) int64 { return (blockSize - size%blockSize) % blockSize }

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

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

func headerName(block []byte) string {
	name := cString(block[:100])
	if prefix := cString(block[345:500]); prefix != "" && string(block[257:263]) == "ustar\x00" {
		return prefix + "/" + name
	}
	return name
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// headerSize reads the size field: octal, or base 256 with the high bit set.
func headerSize(block []byte) (int64, error) {
	field := block[124:136]
	if field[0]&0x80 != 0 {
		n := uint64(field[0] & 0x7f)
		for _, b := range field[1:] {
			if n >= 1<<47 {
				return 0, archiveErrorf(CodeContainer, "a member's size is negative or absurd")
			}
			n = n<<8 | uint64(b)
		}
		if n >= 1<<55 {
			return 0, archiveErrorf(CodeContainer, "a member's size is absurd")
		}
		return int64(n), nil
	}
	text := strings.Trim(cString(field), " ")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 8, 62)
	if err != nil {
		return 0, archiveErrorf(CodeContainer, "a member's size %q is no octal number", printable(text, 20))
	}
	return int64(n), nil
}

// checksumOK compares the header's checksum, with its own field as spaces;
// old writers summed signed bytes.
func checksumOK(block []byte) bool {
	want, err := strconv.ParseInt(strings.Trim(cString(block[148:156]), " "), 8, 32)
	if err != nil {
		return false
	}
	var unsigned, signed int64
	for i, b := range block {
		if i >= 148 && i < 156 {
			b = ' '
		}
		unsigned += int64(b)
		signed += int64(int8(b))
	}
	return want == unsigned || want == signed
}
