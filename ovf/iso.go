package ovf

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// ISOFile is one file of a CD image.
type ISOFile struct {
	Name string // a path with forward slashes, from the root
	Data []byte
}

// WriteISO writes a CD image with those files: ISO 9660 (ECMA-119, level 2) with
// the Joliet extension, which keeps names such as ovf-env.xml as they are.
// Readers without Joliet see OVF_ENV.XML. The label is that of the volume;
// modified is the time of everything (zero: 1980). Equal input gives equal bytes.
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

// The sectors of the fixed part; path tables, directories and files follow.
const (
	isoPrimary    = 16
	isoJoliet     = 17
	isoTerminator = 18
	isoPathTables = 19
)

// maxISO keeps the image as small as its purpose; it is held in memory.
const maxISO = 64 * mib

type isoImage struct {
	label    string
	modified time.Time
	data     [][]byte
	starts   []uint32 // the first sector of each file
	primary  isoTree
	joliet   isoTree
	sectors  uint32
}

func (i *isoImage) layout(files []ISOFile) error {
	i.primary = isoTree{encode: plainName, dirs: []*isoDir{{}}}
	i.joliet = isoTree{encode: jolietName, dirs: []*isoDir{{}}}
	total := 0
	for n, f := range files {
		if total += len(f.Data); total > maxISO {
			return fmt.Errorf("its files are longer than %d bytes", maxISO)
		}
		for _, tree := range []*isoTree{&i.primary, &i.joliet} {
			if err := tree.add(f.Name, n); err != nil {
				return err
			}
		}
		i.data = append(i.data, f.Data)
	}
	next := uint32(isoPathTables)
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		tree.arrange()
		tree.table, next = next, next+2*sectors(tree.tableLength())
	}
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		for _, d := range tree.dirs {
			d.sector, next = next, next+d.length/isoSector
		}
	}
	for _, data := range i.data {
		i.starts, next = append(i.starts, next), next+sectors(len(data))
	}
	i.sectors = next
	return nil
}

func sectors(bytes int) uint32 { return uint32((bytes + isoSector - 1) / isoSector) }

func (i *isoImage) write(w io.Writer) error {
	if _, err := w.Write(make([]byte, isoPrimary*isoSector)); err != nil {
		return err
	}
	parts := [][]byte{i.descriptor(1, &i.primary), i.descriptor(2, &i.joliet), i.terminator()}
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		little, big := tree.pathTables()
		parts = append(parts, little, big)
	}
	for _, tree := range []*isoTree{&i.primary, &i.joliet} {
		for _, d := range tree.dirs {
			parts = append(parts, i.directory(d))
		}
	}
	parts = append(parts, i.data...)
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
