package ovf

import (
	"encoding/binary"
	"fmt"
)

// vmdkStream follows the markers of a streamOptimized VMDK (Virtual Disk Format
// 5.0, "Stream-Optimized Compressed Sparse Extents"): each grain, each grain
// table, the grain directory and the footer are preceded by one, at the start of
// a sector. It does not inflate grains: whoever reads them knows that one has
// GrainSize sectors and stops there.
type vmdkStream struct {
	header vmdkHeader
	pos    int64  // of the next byte
	next   int64  // of the next marker
	marker []byte // as far as it has come
	grains bool
	last   uint64 // first sector of the last grain
	wrong  string
	ended  bool  // the end-of-stream marker was seen; next is where it ended
	junk   bool  // there are bytes other than zero behind it
	gd     int64 // where the last grain directory begins; 0 when none was seen
}

// The types of markers that precede metadata.
const (
	vmdkEndOfStream = iota
	vmdkGrainTable
	vmdkGrainDirectory
	vmdkFooter
	vmdkProgress
)

const vmdkMarkerSize = 16 // value, size, and type or the first bytes of the grain

// newVMDKStream is nil for an image without markers.
func newVMDKStream(head []byte) body {
	h, ok := readVMDKHeader(head)
	if !ok || h.wrong() != "" || h.Flags&vmdkMarkers == 0 {
		return nil
	}
	s := &vmdkStream{header: h, next: int64(h.OverHead) * sectorSize}
	if h.OverHead == 0 || h.OverHead > maxVirtual/sectorSize {
		s.wrong = "header has absurd sizes"
	}
	return s
}

func (s *vmdkStream) write(p []byte) {
	for len(p) > 0 && s.wrong == "" {
		if s.ended {
			s.junk = s.junk || !isZero(p)
			return
		}
		skip := min(int64(len(p)), max(0, s.next-s.pos))
		s.pos, p = s.pos+skip, p[skip:]
		take := min(len(p), vmdkMarkerSize-len(s.marker))
		s.marker, p = append(s.marker, p[:take]...), p[take:]
		s.pos += int64(take)
		if len(s.marker) == vmdkMarkerSize {
			s.mark(s.next, binary.LittleEndian.Uint64(s.marker), binary.LittleEndian.Uint32(s.marker[8:]))
			s.marker = s.marker[:0]
		}
	}
}

// mark reads the marker at a place.
func (s *vmdkStream) mark(place int64, value uint64, size uint32) {
	if size > 0 {
		s.grain(place, value, int64(size))
		return
	}
	s.next = place + sectorSize
	switch kind := binary.LittleEndian.Uint32(s.marker[12:]); kind {
	case vmdkEndOfStream:
		s.ended = true
	case vmdkGrainTable, vmdkGrainDirectory, vmdkFooter, vmdkProgress:
		if value > maxVirtual/sectorSize/4 {
			s.wrong = "has a marker of an absurd size"
			return
		}
		if kind == vmdkGrainDirectory {
			s.gd = s.next
		}
		s.next += int64(value) * sectorSize
	default:
		s.wrong = fmt.Sprintf("has a marker of the unknown type %d", kind)
	}
}

// grain checks a grain's marker: its place on the disk, and that its compressed
// data is no longer than what zlib makes of a grain at worst.
func (s *vmdkStream) grain(place int64, sector uint64, size int64) {
	plain := int64(s.header.GrainSize) * sectorSize
	zlib := int(s.marker[12])<<8 | int(s.marker[13])
	switch {
	case sector >= s.header.Capacity, sector%s.header.GrainSize != 0:
		s.wrong = "has a grain outside its capacity or out of step"
	case s.grains && sector <= s.last:
		s.wrong = "has grains twice or out of order"
	case size > plain+plain/8+sectorSize:
		s.wrong = "has a grain that is longer than a grain can be"
	case s.marker[12]&0x0f != 8 || zlib%31 != 0:
		s.wrong = "has a grain that is not compressed with zlib"
	}
	s.grains, s.last = true, sector
	s.next = place + (12+size+sectorSize-1)/sectorSize*sectorSize
}

// end is what is wrong with the stream as a whole, of which size bytes came; ""
// for nothing.
func (s *vmdkStream) end(size int64, tail []byte) string {
	switch {
	case s.wrong != "":
		return s.wrong
	case len(s.marker) > 0, s.next > size:
		return "is cut off"
	case s.ended && (s.junk || s.next != size && s.header.GDOffset == vmdkGDAtEnd): // QEMU, which has it in front, fills up with zeros
		return "has data behind its end-of-stream marker"
	case s.header.GDOffset != vmdkGDAtEnd && (s.header.GDOffset == 0 || s.header.GDOffset >= s.header.OverHead):
		return "has no grain directory"
	case s.header.GDOffset != vmdkGDAtEnd:
		return ""
	case !s.ended || s.gd == 0:
		return "has no grain directory at its end"
	}
	return s.footer(tail)
}

// footer compares the footer with the header: it is the same but for the place
// of the grain directory, which must be where its marker was.
func (s *vmdkStream) footer(tail []byte) string {
	marker := binary.LittleEndian.Uint32(tail[12:])
	footer, ok := readVMDKHeader(tail[sectorSize:])
	if !ok || marker != vmdkFooter {
		return "has no footer"
	}
	gd := footer.GDOffset
	footer.GDOffset, footer.UncleanShutdown = s.header.GDOffset, s.header.UncleanShutdown
	footer.RGDOffset = s.header.RGDOffset
	if footer != s.header || gd != uint64(s.gd/sectorSize) {
		return "has a footer that contradicts its header"
	}
	return ""
}
