package ovf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// descriptor is a volume descriptor (ECMA-119 8.4 and 8.5): the primary one, or
// the supplementary one that carries Joliet.
func (i *isoImage) descriptor(kind byte, tree *isoTree) []byte {
	d := make([]byte, isoSector)
	d[0] = kind
	copy(d[1:], "CD001\x01")
	text := asciiField
	if kind == 2 {
		copy(d[88:], "%/E") // UCS-2 level 3
		text = ucs2Field
	}
	text(d[8:40], "")
	text(d[40:72], i.label)
	both32(d[80:], i.sectors)
	both16(d[120:], 1) // one volume
	both16(d[124:], 1) // the first
	both16(d[128:], isoSector)
	both32(d[132:], uint32(tree.tableLength()))
	binary.LittleEndian.PutUint32(d[140:], tree.table)
	binary.BigEndian.PutUint32(d[148:], tree.table+sectors(tree.tableLength()))
	copy(d[156:], i.record([]byte{0}, tree.dirs[0].sector, tree.dirs[0].length, true))
	for _, field := range [][2]int{{190, 318}, {318, 446}, {446, 574}, {574, 702}, {702, 739}, {739, 776}, {776, 813}} {
		text(d[field[0]:field[1]], "")
	}
	longDate(d[813:], i.modified)
	longDate(d[830:], i.modified)
	longDate(d[847:], time.Time{}) // never expires
	longDate(d[864:], i.modified)
	d[881] = 1
	return d
}

func (i *isoImage) terminator() []byte {
	return append([]byte("\xffCD001\x01"), make([]byte, isoSector-7)...)
}

// directory is one directory, with itself and its parent first.
func (i *isoImage) directory(d *isoDir) []byte {
	var b bytes.Buffer
	b.Write(i.record([]byte{0}, d.sector, d.length, true))
	b.Write(i.record([]byte{1}, d.parent.sector, d.parent.length, true))
	for _, e := range d.entries {
		var record []byte
		if e.dir != nil {
			record = i.record(e.id, e.dir.sector, e.dir.length, true)
		} else {
			record = i.record(e.id, i.starts[e.file], uint32(len(i.data[e.file])), false)
		}
		if room := isoSector - b.Len()%isoSector; len(record) > room {
			b.Write(make([]byte, room))
		}
		b.Write(record)
	}
	return b.Bytes()
}

// record is a directory record (ECMA-119 9.1).
func (i *isoImage) record(name []byte, sector, length uint32, directory bool) []byte {
	r := make([]byte, recordLength(len(name)))
	r[0] = byte(len(r))
	both32(r[2:], sector)
	both32(r[10:], length)
	t := i.modified
	copy(r[18:], []byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0})
	if directory {
		r[25] = 2
	}
	both16(r[28:], 1)
	r[32] = byte(len(name))
	copy(r[33:], name)
	return r
}

func both32(b []byte, n uint32) {
	binary.LittleEndian.PutUint32(b, n)
	binary.BigEndian.PutUint32(b[4:], n)
}

func both16(b []byte, n uint16) {
	binary.LittleEndian.PutUint16(b, n)
	binary.BigEndian.PutUint16(b[2:], n)
}

// asciiField fills a field with text and spaces.
func asciiField(b []byte, s string) {
	s = strings.ToUpper(strings.ReplaceAll(s, "-", "_"))
	copy(b, fmt.Sprintf("%-*s", len(b), s))
}

func ucs2Field(b []byte, s string) {
	for n := range b[:len(b)&^1] {
		b[n] = byte(n%2) * ' '
	}
	copy(b[:len(b)&^1], ucs2(s))
}

// longDate is the date of a volume descriptor (ECMA-119 8.4.26.1); the zero
// time is "not specified".
func longDate(b []byte, t time.Time) {
	text := "0000000000000000"
	if !t.IsZero() {
		text = t.Format("20060102150405") + "00"
	}
	copy(b, text+"\x00")
}
