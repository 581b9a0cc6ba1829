package ovf

import (
	"bytes"
	"encoding/binary"
)

// vhdFooter is the footer of the Virtual Hard Disk Image Format Specification
// 1.0, at the end of every VHD and, as a copy, at the start of a dynamic one.
type vhdFooter struct {
	Cookie                    [8]byte
	Features, Version         uint32
	DataOffset                uint64
	Time                      uint32
	Creator                   [4]byte
	CreatorVersion, CreatorOS uint32
	OriginalSize, CurrentSize uint64
	Geometry                  uint32
	Kind, Checksum            uint32
	ID                        [16]byte
	SavedState                uint8
}

// vhdDynamic is the header of a VHD that has no place for empty blocks.
type vhdDynamic struct {
	Cookie         [8]byte
	DataOffset     uint64
	TableOffset    uint64
	Version        uint32
	Entries        uint32
	BlockSize      uint32
	Checksum       uint32
	ParentID       [16]byte
	ParentTime     uint32
	Reserved       uint32
	ParentName     [512]byte
	ParentLocators [8][24]byte
}

const (
	vhdFixed        = 2
	vhdDynamicKind  = 3
	vhdDifferencing = 4

	vhdFooterSize  = 512
	vhdDynamicSize = 1024
	// vhdCylinder is the largest unit to which writers round the size of a VHD up
	// (16 heads of 255 sectors); what they add holds nothing.
	vhdCylinder = 16 * 255 * sectorSize
)

func (e *examiner) vhd() image {
	img := image{format: FormatVHD}
	last := lastSector(e.tail)
	if !at(last, 0, "conectix") || len(last) < vhdFooterSize {
		return img.refuse(CodeDiskHeader, "the VHD has no footer")
	}
	var f vhdFooter
	_ = binary.Read(bytes.NewReader(last), binary.BigEndian, &f) // of fixed size, and there
	switch {
	case f.Kind == vhdDifferencing:
		return img.refuse(CodeDiskBacking, "the VHD is a delta of another image")
	case f.Kind != vhdFixed && f.Kind != vhdDynamicKind:
		return img.refuse(CodeDiskHeader, "VHD type %d is not known", f.Kind)
	case f.Version>>16 != 1 || f.Checksum != vhdChecksum(last, 64):
		return img.refuse(CodeDiskHeader, "the VHD footer is damaged")
	case f.CurrentSize == 0 || f.CurrentSize > maxVirtual:
		return img.refuse(CodeDiskHeader, "the VHD footer has an absurd size")
	case f.Kind == vhdFixed && int64(f.CurrentSize) > e.size-vhdFooterSize:
		return img.refuse(CodeDiskHeader, "the VHD is cut off")
	}
	img.virtual, img.slack = int64(f.CurrentSize), vhdCylinder
	if f.Kind == vhdDynamicKind {
		return e.vhdDynamic(img, f, last)
	}
	return img
}

// vhdDynamic checks the header that the footer points to.
func (e *examiner) vhdDynamic(img image, f vhdFooter, last []byte) image {
	if !bytes.Equal(e.head[:vhdFooterSize], last) {
		return img.refuse(CodeDiskHeader, "the VHD begins otherwise than it ends")
	}
	if f.DataOffset < vhdFooterSize || f.DataOffset > uint64(len(e.head)) || len(e.head)-int(f.DataOffset) < vhdDynamicSize {
		return img.refuse(CodeDiskHeader, "the VHD has no dynamic header")
	}
	header := e.head[f.DataOffset:][:vhdDynamicSize]
	var d vhdDynamic
	_ = binary.Read(bytes.NewReader(header), binary.BigEndian, &d)
	table := uint64(d.Entries) * 4
	switch {
	case string(d.Cookie[:]) != "cxsparse" || d.Checksum != vhdChecksum(header, 36):
		return img.refuse(CodeDiskHeader, "the VHD's dynamic header is damaged")
	case d.ParentID != [16]byte{} || d.ParentLocators != [8][24]byte{} || d.ParentName != [512]byte{}:
		return img.refuse(CodeDiskBacking, "the VHD is a delta of another image")
	case d.BlockSize < sectorSize || d.BlockSize > 256*mib || d.BlockSize&(d.BlockSize-1) != 0,
		uint64(d.Entries)*uint64(d.BlockSize) < f.CurrentSize,
		d.TableOffset > uint64(e.size) || table > uint64(e.size)-d.TableOffset:
		return img.refuse(CodeDiskHeader, "the VHD's dynamic header has absurd sizes")
	}
	return img
}

// vhdChecksum is the ones' complement of the sum of all bytes but the checksum's
// own.
func vhdChecksum(data []byte, place int) uint32 {
	var sum uint32
	for i, b := range data {
		if i < place || i >= place+4 {
			sum += uint32(b)
		}
	}
	return ^sum
}
