package ovf

import (
	"bytes"
	"encoding/binary"
)

// vdiHeader is the header of VirtualBox's format, version 1.1, from its
// signature at byte 64 on.
type vdiHeader struct {
	Signature, Version, HeaderSize, Kind, Flags   uint32
	Comment                                       [256]byte
	BlocksOffset, DataOffset                      uint32
	Cylinders, Heads, Sectors, SectorSize, Unused uint32
	Size                                          uint64
	BlockSize, BlockExtra, Blocks, Allocated      uint32
	ID, SnapshotID, LinkID, ParentID              [16]byte
}

const (
	vdiStart = 64
	vdiSize  = 392 // bytes from the signature to the end of ParentID
)

func (e *examiner) vdi() image {
	img := image{format: FormatVDI}
	var h vdiHeader
	if err := binary.Read(bytes.NewReader(e.head[vdiStart:]), binary.LittleEndian, &h); err != nil {
		return img.refuse(CodeDiskHeader, "the VDI header is cut off")
	}
	switch {
	case h.Version != 0x00010001:
		return img.refuse(CodeDiskHeader, "the VDI is of an unknown version")
	case h.Kind == 3 || h.Kind == 4, h.LinkID != [16]byte{}, h.ParentID != [16]byte{}:
		return img.refuse(CodeDiskBacking, "the VDI is a delta of another image")
	case h.Kind != 1 && h.Kind != 2: // dynamic, fixed
		return img.refuse(CodeDiskHeader, "VDI type %d is not known", h.Kind)
	case !h.plausible(uint64(e.size)):
		return img.refuse(CodeDiskHeader, "the VDI header has absurd sizes")
	}
	img.virtual = int64(h.Size)
	return img
}

// plausible holds sizes against each other and against the size of the file.
func (h vdiHeader) plausible(file uint64) bool {
	block := uint64(h.BlockSize)
	return h.Size > 0 && h.Size <= maxVirtual && h.SectorSize == sectorSize &&
		block >= sectorSize && block&(block-1) == 0 && h.BlockExtra == 0 &&
		uint64(h.Blocks)*block >= h.Size && h.Allocated <= h.Blocks &&
		h.BlocksOffset >= vdiStart+vdiSize && h.DataOffset >= h.BlocksOffset &&
		uint64(h.BlocksOffset)+uint64(h.Blocks)*4 <= uint64(h.DataOffset) &&
		uint64(h.DataOffset)+uint64(h.Allocated)*block <= file+block // the last block need not be whole
}
