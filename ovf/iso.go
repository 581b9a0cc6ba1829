package ovf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// ISOFile is one file at the root of a CD image.
type ISOFile struct {
	Name string
	Data []byte
}

// WriteISO writes a CD image with those files at its root: ISO 9660 (ECMA-119,
// level 2) with the Joliet extension, which keeps names such as ovf-env.xml
// as they are. Readers without Joliet see OVF_ENV.XML. The label is that of the
// volume; modified is the time of everything (zero: 1980). Equal input gives equal bytes.
func WriteISO(w io.Writer, label string, modified time.Time, files []ISOFile) error {
	if modified.IsZero() {
		modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	img := isoImage{label: label, modified: modified.UTC()}
	if err := img.layout(files); err != nil {
		return fmt.Errorf("cannot make a CD image: %w", err)
	}
	if err := img.write(w); err != nil {
		return fmt.Errorf("cannot write a CD image: %w", err)
	}
	return nil
}

const isoSector = 2048

// The sectors of the fixed part; both root directories and the files follow.
const (
	isoPrimary    = 16
	isoJoliet     = 17
	isoTerminator = 18
	isoPathTables = 19 // four: little and big endian, for both trees
	isoDirectory  = 23
)

// maxISOFile keeps the image as small as its purpose; it is held in memory.
const maxISOFile = 64 * mib

type isoImage struct {
	label    string
	modified time.Time
	files    []isoEntry
	primary  isoTree
	joliet   isoTree
	sectors  uint32
}

type isoEntry struct {
	data   []byte
	sector uint32
}

// isoTree is one of the two directories over the same files.
type isoTree struct {
	names  [][]byte // by file
	order  []int    // files in the order of their names
	sector uint32
	length uint32 // bytes, whole sectors
}

func (i *isoImage) layout(files []ISOFile) error {
	seen := map[string]bool{}
	for _, f := range files {
		plain, err := isoName(f.Name)
		if err != nil {
			return err
		}
		if seen[plain] {
			return fmt.Errorf("two files come out as %s", plain)
		}
		if len(f.Data) > maxISOFile {
			return fmt.Errorf("file %q is longer than %d bytes", f.Name, maxISOFile)
		}
		seen[plain] = true
		i.primary.names = append(i.primary.names, []byte(plain))
		i.joliet.names = append(i.joliet.names, ucs2(f.Name))
		i.files = append(i.files, isoEntry{data: f.Data})
	}
	next := uint32(isoDirectory)
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		tree.arrange(next)
		next += tree.length / isoSector
	}
	for f := range i.files {
		i.files[f].sector = next
		next += sectors(len(i.files[f].data))
	}
	i.sectors = next
	return nil
}

func sectors(bytes int) uint32 { return uint32((bytes + isoSector - 1) / isoSector) }

// arrange sorts the directory and computes its length: a record never crosses
// a sector boundary (ECMA-119 6.8.1.1).
func (t *isoTree) arrange(sector uint32) {
	for f := range t.names {
		t.order = append(t.order, f)
	}
	slices.SortFunc(t.order, func(a, b int) int { return slices.Compare(t.names[a], t.names[b]) })
	length := 2 * recordLength(1)
	for _, f := range t.order {
		if n := recordLength(len(t.names[f])); length%isoSector+n > isoSector {
			length += isoSector - length%isoSector + n
		} else {
			length += n
		}
	}
	t.sector, t.length = sector, sectors(length)*isoSector
}

func recordLength(name int) int { return (33 + name + 1) &^ 1 }

// isoName is a name within ISO 9660 level 2: capital letters, digits and
// underscores, one dot, at most 30 characters and a version.
func isoName(name string) (string, error) {
	switch {
	case name == "" || len(utf16.Encode([]rune(name))) > 64:
		return "", fmt.Errorf("file name %q is empty or longer than 64 characters", printable(name, 100))
	case strings.ContainsAny(name, `*/:;?\`) || strings.ContainsFunc(name, func(c rune) bool { return c < 0x20 || c > 0xffff }):
		return "", fmt.Errorf("file name %q holds a character that a CD cannot", printable(name, 100))
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
	base, ending, _ := cutLast(name, ".")
	return plain(base, 26) + "." + plain(ending, 3) + ";1", nil
}

// ucs2 is text as Joliet has it: two bytes a character, the high one first.
func ucs2(s string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return b
}

func (i *isoImage) write(w io.Writer) error {
	if _, err := w.Write(make([]byte, isoPrimary*isoSector)); err != nil {
		return err
	}
	parts := [][]byte{i.descriptor(1, &i.primary), i.descriptor(2, &i.joliet), i.terminator()}
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		little, big := pathTable(tree.sector)
		parts = append(parts, little, big)
	}
	parts = append(parts, i.directory(&i.primary), i.directory(&i.joliet))
	for _, f := range i.files {
		parts = append(parts, f.data)
	}
	written := 0
	for _, part := range parts {
		rest := (isoSector - len(part)%isoSector) % isoSector
		if _, err := w.Write(part); err != nil {
			return err
		}
		if _, err := w.Write(make([]byte, rest)); err != nil {
			return err
		}
		written += len(part) + rest
	}
	if written != int(i.sectors-isoPrimary)*isoSector {
		return errors.New("the image has another length than was laid out")
	}
	return nil
}
