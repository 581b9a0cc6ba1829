package ovf

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// isoTree is one of the two hierarchies over the same files.
type isoTree struct {
	encode func(name string, directory bool, number int) ([]byte, error)
	dirs   []*isoDir // the root first; after arrange by level, then parent, then name
	table  uint32    // first sector of its path tables
}

type isoDir struct {
	name    string // as written
	id      []byte // as recorded
	parent  *isoDir
	level   int // 0: the root
	number  int // from 1, in the path table
	entries []isoEntry
	sector  uint32
	length  uint32 // bytes, whole sectors
}

// isoEntry is a file or a directory in one.
type isoEntry struct {
	name string
	id   []byte
	file int     // index of the file, unless
	dir  *isoDir // it is a directory
}

// maxISODepth is how many levels a hierarchy may have (ECMA-119 6.8.2.1), the
// root and the file not counted.
const maxISODepth = 7

// add puts a file into the hierarchy, with the directories above it.
func (t *isoTree) add(path string, file int) error {
	parts := strings.Split(path, "/")
	if len(parts)-1 > maxISODepth {
		return fmt.Errorf("file %q lies deeper than %d directories", printable(path, 100), maxISODepth)
	}
	at := t.dirs[0]
	for _, name := range parts[:len(parts)-1] {
		next, err := t.directory(at, name)
		if err != nil {
			return err
		}
		at = next
	}
	return t.enter(at, isoEntry{name: parts[len(parts)-1], file: file})
}

func (t *isoTree) directory(in *isoDir, name string) (*isoDir, error) {
	for _, e := range in.entries {
		if e.dir != nil && e.name == name {
			return e.dir, nil
		}
	}
	d := &isoDir{name: name, parent: in, level: in.level + 1}
	if err := t.enter(in, isoEntry{name: name, dir: d}); err != nil {
		return nil, err
	}
	d.id = in.entries[len(in.entries)-1].id
	t.dirs = append(t.dirs, d)
	return d, nil
}

// enter gives an entry a name that no other in the directory has: in plain
// ISO 9660 different names come out equal, and later ones get a number.
func (t *isoTree) enter(in *isoDir, e isoEntry) error {
	for number := 0; ; number++ {
		id, err := t.encode(e.name, e.dir != nil, number)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(in.entries, func(o isoEntry) bool { return bytes.Equal(o.id, id) || o.name == e.name })
		if n < 0 {
			e.id = id
			in.entries = append(in.entries, e)
			return nil
		}
		if in.entries[n].name == e.name || number == maxISOTwins {
			return fmt.Errorf("two files come out as %q", printable(e.name, 100))
		}
	}
}

// maxISOTwins is how many names that come out equal one directory may hold.
const maxISOTwins = 999

// arrange orders everything as ECMA-119 wants it and computes the lengths: a
// record never crosses a sector boundary (6.8.1.1).
func (t *isoTree) arrange() {
	for level := 0; level <= maxISODepth; level++ { // a parent has its number before its children
		slices.SortStableFunc(t.dirs, func(a, b *isoDir) int {
			if c := cmp.Compare(a.level, b.level); c != 0 || a.level == 0 {
				return c
			}
			return cmp.Or(cmp.Compare(a.parent.number, b.parent.number), bytes.Compare(a.id, b.id))
		})
		for n, d := range t.dirs {
			d.number = n + 1
		}
	}
	t.dirs[0].parent = t.dirs[0]
	for _, d := range t.dirs {
		slices.SortFunc(d.entries, func(a, b isoEntry) int { return bytes.Compare(a.id, b.id) })
		length := 2 * recordLength(1)
		for _, e := range d.entries {
			n := recordLength(len(e.id))
			if length%isoSector+n > isoSector {
				length += isoSector - length%isoSector
			}
			length += n
		}
		d.length = sectors(length) * isoSector
	}
}

func recordLength(name int) int { return (33 + name + 1) &^ 1 }

func (t *isoTree) tableLength() int {
	length := 0
	for _, d := range t.dirs {
		length += 8 + (max(1, len(d.id))+1)&^1
	}
	return length
}

// pathTables list all directories, in both byte orders (ECMA-119 9.4).
func (t *isoTree) pathTables() (little, big []byte) {
	for _, d := range t.dirs {
		id := d.id
		if d.level == 0 {
			id = []byte{0}
		}
		head := []byte{byte(len(id)), 0}
		little, big = append(little, head...), append(big, head...)
		little = binary.LittleEndian.AppendUint32(little, d.sector)
		big = binary.BigEndian.AppendUint32(big, d.sector)
		little = binary.LittleEndian.AppendUint16(little, uint16(d.parent.number))
		big = binary.BigEndian.AppendUint16(big, uint16(d.parent.number))
		little, big = append(little, id...), append(big, id...)
		if len(id)%2 == 1 {
			little, big = append(little, 0), append(big, 0)
		}
	}
	return little, big
}

// plainName is a name within ISO 9660 level 2: capital letters, digits and
// underscores; of a file one dot, at most 30 characters and a version. A number
// above 0 tells it from others.
func plainName(name string, directory bool, number int) ([]byte, error) {
	if _, err := jolietName(name, directory, number); err != nil {
		return nil, err
	}
	plain := func(s string, limit int) string {
		s = strings.Map(func(c rune) rune {
			if c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
				return c
			}
			return '_'
		}, strings.ToUpper(s))
		return s[:min(len(s), limit)]
	}
	suffix := ""
	if number > 0 {
		suffix = fmt.Sprintf("_%d", number)
	}
	if directory {
		return []byte(plain(name, 31-len(suffix)) + suffix), nil
	}
	base, ending, _ := cutLast(name, ".")
	return []byte(plain(base, 26-len(suffix)) + suffix + "." + plain(ending, 3) + ";1"), nil
}

// jolietName is the name itself, if a CD can hold it.
func jolietName(name string, _ bool, _ int) ([]byte, error) {
	switch {
	case name == "" || len(utf16.Encode([]rune(name))) > 64:
		return nil, fmt.Errorf("file name %q is empty or longer than 64 characters", printable(name, 100))
	case name == "." || name == "..":
		return nil, fmt.Errorf("%q is no file name", name)
	case strings.ContainsAny(name, `*/:;?\`) || strings.ContainsFunc(name, func(c rune) bool { return c < 0x20 || c > 0xffff || c == 0xfffd }):
		return nil, fmt.Errorf("file name %q holds a character that a CD cannot", printable(name, 100))
	}
	return ucs2(name), nil
}

// ucs2 is text as Joliet has it: two bytes a character, the high one first.
func ucs2(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}
