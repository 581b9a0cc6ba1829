package ovf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

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

// paxRecords reads "length key=value\n" records. Only the name and the size of
// a member matter here.
func paxRecords(data []byte, global bool, ext *extended) error {
	for len(data) > 0 {
		digits, _, ok := bytes.Cut(data[:min(len(data), 20)], []byte(" "))
		length, err := strconv.Atoi(string(digits))
		if !ok || err != nil || length <= len(digits)+1 || length > len(data) || data[length-1] != '\n' {
			return archiveErrorf(CodeTarHeader, "a pax record has a wrong length")
		}
		key, value, ok := strings.Cut(string(data[len(digits)+1:length-1]), "=")
		data = data[length:]
		switch {
		case !ok:
			return archiveErrorf(CodeTarHeader, "a pax record has no value")
		case strings.HasPrefix(key, "GNU.sparse."):
			return archiveErrorf(CodeMemberType, "a sparse file is in the package; it holds only regular files")
		case key != "path" && key != "size":
		case global:
			return archiveErrorf(CodeTarHeader, "a global pax header sets the %s of members", key)
		case key == "path":
			if err := ext.rename(value); err != nil {
				return err
			}
		case ext.hasSize:
			return archiveErrorf(CodeTarHeader, "a pax header sets the size of a member twice")
		default:
			n, err := strconv.ParseUint(value, 10, 63)
			if err != nil {
				return archiveErrorf(CodeTarHeader, "a pax record has the size %q", printable(value, 40))
			}
			ext.size, ext.hasSize = int64(n), true
		}
	}
	return nil
}

// rename sets the next member's name. Where two headers do, readers differ in
// which one they follow; an empty name takes one back.
func (e *extended) rename(name string) error {
	if name == "" || e.name != "" {
		return archiveErrorf(CodeTarHeader, "an extended header sets the name of a member to nothing, or twice")
	}
	e.name = name
	return nil
}

// maxOctal is the largest size the eleven octal digits of a header can say.
const maxOctal = 1<<33 - 1

func padding(size int64) int64 { return (blockSize - size%blockSize) % blockSize }

func isZero(b []byte) bool { return len(bytes.TrimLeft(b, "\x00")) == 0 }

// headerName is the name in the header itself. Bytes behind the end of a name
// are for some readers a part of it.
func headerName(block []byte) (string, error) {
	name, prefix := block[:100], []byte(nil)
	if string(block[257:263]) == "ustar\x00" {
		prefix = block[345:500]
	}
	for _, field := range [][]byte{name, prefix} {
		if text := cString(field); !isZero(field[len(text):]) {
			return text, archiveErrorf(CodeMemberName, "the name of a member holds a NUL")
		}
	}
	if cString(prefix) != "" {
		return cString(prefix) + "/" + cString(name), nil
	}
	return cString(name), nil
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
				return 0, archiveErrorf(CodeTarHeader, "a member's size is negative or absurd")
			}
			n = n<<8 | uint64(b)
		}
		if n >= 1<<55 {
			return 0, archiveErrorf(CodeTarHeader, "a member's size is absurd")
		}
		return int64(n), nil
	}
	text := strings.Trim(cString(field), " ")
	n, err := strconv.ParseUint(text, 8, 62)
	if err != nil {
		return 0, archiveErrorf(CodeTarHeader, "a member's size %q is no octal number", printable(text, 20))
	}
	return int64(n), nil
}

// checksumOK compares the header's checksum, with its own field as spaces;
// old writers summed signed bytes.
func checksumOK(block []byte) bool {
	want, err := strconv.ParseUint(strings.Trim(cString(block[148:156]), " "), 8, 31)
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
	return int64(want) == unsigned || int64(want) == signed
}
