package ovf

import (
	"bytes"
	"encoding/binary"
)

// qcow2Header is the fixed part of QEMU's docs/interop/qcow2.txt.
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
	RefcountSize   uint32
	Snapshots      uint32
	SnapshotOffset uint64
}

// Incompatible features of version 3.
const (
	qcow2Dirty        = 1 << 0
	qcow2Corrupt      = 1 << 1
	qcow2ExternalData = 1 << 2
	qcow2Compression  = 1 << 3
	qcow2ExtendedL2   = 1 << 4
)

// inspectQCOW2 refuses images that refer to other files (CVE-2024-32498) and
// headers that no tool would write.
func inspectQCOW2(head []byte) image {
	img := image{format: FormatQCOW2}
	var h qcow2Header
	reader := bytes.NewReader(head)
	if err := binary.Read(reader, binary.BigEndian, &h); err != nil {
		return img.refuse(CodeDiskHeader, "the QCOW2 header is cut off")
	}
	var incompatible uint64
	if h.Version >= 3 {
		if err := binary.Read(reader, binary.BigEndian, &incompatible); err != nil {
			return img.refuse(CodeDiskHeader, "the QCOW2 header is cut off")
		}
	}
	switch {
	case h.Version != 2 && h.Version != 3:
		return img.refuse(CodeDiskHeader, "QCOW version %d is not accepted", h.Version)
	case h.BackingOffset != 0 || h.BackingSize != 0:
		return img.refuse(CodeDiskBacking, "the QCOW2 image has a backing file")
	case incompatible&qcow2ExternalData != 0:
		return img.refuse(CodeDiskBacking, "the QCOW2 image keeps its data in another file")
	case h.Crypt != 0:
		return img.refuse(CodeDiskUnsupported, "the QCOW2 image is encrypted")
	case incompatible&(qcow2Dirty|qcow2Corrupt) != 0:
		return img.refuse(CodeDiskHeader, "the QCOW2 image is marked as dirty or corrupt")
	case incompatible&^(qcow2Compression|qcow2ExtendedL2) != 0:
		return img.refuse(CodeDiskHeader, "the QCOW2 image needs features that are not known")
	case h.Snapshots != 0:
		return img.refuse(CodeDiskUnsupported, "the QCOW2 image holds snapshots")
	case h.ClusterBits < 9 || h.ClusterBits > 21, h.Size >= 1<<62, h.L1Size > 4*mib, h.RefcountSize > 8*mib:
		return img.refuse(CodeDiskHeader, "the QCOW2 header has absurd sizes")
	}
	img.virtual = int64(h.Size)
	return img
}
