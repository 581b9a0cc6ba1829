package ovf

import (
	"bytes"
	"encoding/binary"
)

// qcow2Header is the header of QEMU's docs/interop/qcow2.txt; the part from
// Incompatible on is there from version 3.
type qcow2Header struct {
	Magic          [4]byte
	Version        uint32
	BackingOffset  uint64
	BackingSize    uint32
	ClusterBits    uint32
	Size           uint64
	Crypt          uint32
	L1Size         uint32
	L1Offset       uint64
	RefcountOffset uint64
	RefcountSize   uint32 // clusters
	Snapshots      uint32
	SnapshotOffset uint64

	Incompatible, Compatible, AutoClear uint64
	RefcountOrder, Length               uint32
}

const qcow2Length2 = 72 // bytes of a version 2 header

// Features of version 3.
const (
	qcow2Dirty        = 1 << 0
	qcow2Corrupt      = 1 << 1
	qcow2ExternalData = 1 << 2
	qcow2Compression  = 1 << 3
	qcow2ExtendedL2   = 1 << 4

	qcow2RawExternal = 1 << 1 // of AutoClear
)

// Header extensions that matter here.
const (
	qcow2ExtensionData = 0x44415441 // name of an external data file
	qcow2ExtensionLUKS = 0x0537be77
)

// qcow2 refuses images that refer to other files (CVE-2024-32498) and headers
// that no tool would write.
func (e *examiner) qcow2() image {
	img := image{format: FormatQCOW2}
	var h qcow2Header
	padded := append(bytes.Clone(e.head[:min(len(e.head), 104)]), make([]byte, 104)...)
	if err := binary.Read(bytes.NewReader(padded), binary.BigEndian, &h); err != nil || e.size < qcow2Length2 {
		return img.refuse(CodeDiskHeader, "the QCOW2 header is cut off")
	}
	switch {
	case h.Version != 2 && h.Version != 3:
		return img.refuse(CodeDiskHeader, "QCOW version %d is not accepted", h.Version)
	case h.Version == 2:
		h.Incompatible, h.Compatible, h.AutoClear, h.RefcountOrder, h.Length = 0, 0, 0, 4, qcow2Length2
	}
	switch {
	case h.BackingOffset != 0 || h.BackingSize != 0:
		return img.refuse(CodeDiskBacking, "the QCOW2 image has a backing file")
	case h.Incompatible&qcow2ExternalData != 0, h.AutoClear&qcow2RawExternal != 0:
		return img.refuse(CodeDiskBacking, "the QCOW2 image keeps its data in another file")
	case h.Crypt != 0:
		return img.refuse(CodeDiskUnsupported, "the QCOW2 image is encrypted")
	case h.Incompatible&(qcow2Dirty|qcow2Corrupt) != 0:
		return img.refuse(CodeDiskHeader, "the QCOW2 image is marked as dirty or corrupt")
	case h.Incompatible&^(qcow2Compression|qcow2ExtendedL2) != 0:
		return img.refuse(CodeDiskHeader, "the QCOW2 image needs features that are not known")
	case h.Snapshots != 0:
		return img.refuse(CodeDiskUnsupported, "the QCOW2 image holds snapshots")
	case !h.plausible(uint64(e.size)):
		return img.refuse(CodeDiskHeader, "the QCOW2 header has absurd sizes")
	}
	img.virtual = int64(h.Size)
	return e.qcow2Extensions(img, h)
}

// plausible holds sizes against each other and against the size of the file.
func (h qcow2Header) plausible(file uint64) bool {
	if h.ClusterBits < 9 || h.ClusterBits > 21 || h.Size > maxVirtual || h.RefcountOrder > 6 {
		return false
	}
	cluster := uint64(1) << h.ClusterBits
	entry := cluster / 8 * cluster // bytes of the disk that an entry of the L1 table stands for
	if h.Incompatible&qcow2ExtendedL2 != 0 {
		entry /= 2
	}
	aligned := (h.L1Offset|h.RefcountOffset)%cluster == 0
	length := h.Length >= qcow2Length2 && h.Length%8 == 0 && uint64(h.Length) <= cluster && (h.Version == 2 || h.Length >= 104)
	l1 := h.L1Size <= 4*mib && uint64(h.L1Size) >= (h.Size+entry-1)/entry &&
		(h.L1Size == 0 || h.L1Offset >= cluster && h.L1Offset <= file && uint64(h.L1Size)*8 <= file-h.L1Offset)
	refcounts := h.RefcountSize > 0 && uint64(h.RefcountSize)*cluster <= 8*mib && h.RefcountOffset >= cluster && h.RefcountOffset < file
	return aligned && length && l1 && refcounts
}

// qcow2Extensions looks through the header extensions, which end with the first
// cluster.
func (e *examiner) qcow2Extensions(img image, h qcow2Header) image {
	rest := e.head[:min(len(e.head), 1<<h.ClusterBits)]
	rest = rest[min(len(rest), int(h.Length)):]
	for len(rest) >= 8 {
		kind, size := binary.BigEndian.Uint32(rest), uint64(binary.BigEndian.Uint32(rest[4:]))
		switch {
		case kind == 0:
			return img
		case kind == qcow2ExtensionData:
			return img.refuse(CodeDiskBacking, "the QCOW2 image names an external data file")
		case kind == qcow2ExtensionLUKS:
			return img.refuse(CodeDiskUnsupported, "the QCOW2 image is encrypted")
		}
		size = 8 + (size+7)/8*8
		if size > uint64(len(rest)) {
			return img.refuse(CodeDiskHeader, "the QCOW2 header extensions reach beyond their place")
		}
		rest = rest[size:]
	}
	return img
}
