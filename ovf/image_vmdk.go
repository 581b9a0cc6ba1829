package ovf

import (
	"bytes"
	"encoding/binary"
)

// vmdkHeader is the SparseExtentHeader of VMware's Virtual Disk Format 5.0.
// Offsets and sizes are in sectors.
type vmdkHeader struct {
	Magic            [4]byte
	Version, Flags   uint32
	Capacity         uint64
	GrainSize        uint64
	DescriptorOffset uint64
	DescriptorSize   uint64
	GTEsPerGT        uint32
	RGDOffset        uint64
	GDOffset         uint64
	OverHead         uint64
	UncleanShutdown  uint8
	NewLines         [4]byte
	Compression      uint16
}

const (
	vmdkCompressed = 1 << 16
	vmdkMarkers    = 1 << 17
	// vmdkGDAtEnd is the GDOffset of an image that was written front to back: the
	// footer has the true one.
	vmdkGDAtEnd = 1<<64 - 1
	// vmdkText is how much QEMU reads as descriptor, whatever the header says.
	vmdkText = 20 * sectorSize
)

func readVMDKHeader(head []byte) (h vmdkHeader, ok bool) {
	err := binary.Read(bytes.NewReader(head), binary.LittleEndian, &h)
	return h, err == nil && string(h.Magic[:]) == "KDMV"
}

// vmdk accepts streamOptimized and monolithicSparse images that are whole in
// this one file. Everything else names other files, and a converter that
// follows such names reads the host's disk (CVE-2022-47951).
func (e *examiner) vmdk() image {
	img := image{format: FormatVMDK}
	if !at(e.head, 0, "KDMV") {
		return img.refuse(CodeDiskBacking, "the VMDK keeps its data in other files")
	}
	h, ok := readVMDKHeader(e.head)
	if !ok {
		return img.refuse(CodeDiskHeader, "the VMDK header is cut off")
	}
	if reason := h.wrong(); reason != "" {
		return img.refuse(CodeDiskHeader, "the VMDK header %s", reason)
	}
	img.virtual = int64(h.Capacity) * sectorSize
	if h.DescriptorOffset == 0 || h.DescriptorSize == 0 {
		return img.refuse(CodeDiskBacking, "the VMDK is one extent of a disk that lies in several files")
	}
	text, reason := e.vmdkDescriptor(h)
	if reason != "" {
		return img.refuse(CodeDiskHeader, "the VMDK's embedded descriptor %s", reason)
	}
	if reason := checkVMDKDescriptor(text); reason != "" {
		return img.refuse(CodeDiskBacking, "the VMDK %s", reason)
	}
	if reason := e.vmdkLayout(h); reason != "" {
		return img.refuse(CodeDiskHeader, "the VMDK %s", reason)
	}
	return img
}

// wrong says what no writer puts into a header; "" when it is sound.
func (h vmdkHeader) wrong() string {
	newLines := string(h.NewLines[:])
	switch {
	case h.Version < 1 || h.Version > 3:
		return "is of an unknown version"
	case h.Capacity == 0:
		return "has no capacity" // QEMU takes such a file for a descriptor that names others
	case h.Capacity > maxVirtual/sectorSize:
		return "claims an absurd capacity"
	case h.GrainSize < 8 || h.GrainSize > 2048 || h.GrainSize&(h.GrainSize-1) != 0:
		return "has an absurd grain size"
	case h.GTEsPerGT != 512:
		return "has an absurd size of grain tables"
	case newLines != "\n \r\n" && newLines != "\x00\x00\x00\x00":
		return "was damaged by a transfer as text"
	case h.Compression > 1, h.Flags&vmdkCompressed != 0 && (h.Compression != 1 || h.Flags&vmdkMarkers == 0):
		return "says nothing known of how its grains are compressed"
	}
	return ""
}

// vmdkDescriptor is the embedded descriptor with all behind it that some reader
// might take for a part of it.
func (e *examiner) vmdkDescriptor(h vmdkHeader) (text []byte, wrong string) {
	const room = (headSize - vmdkText) / sectorSize
	if h.DescriptorOffset > room || h.DescriptorSize > room-h.DescriptorOffset {
		return nil, "is too far inside or too long"
	}
	start := h.DescriptorOffset * sectorSize
	end := start + max(h.DescriptorSize*sectorSize, vmdkText)
	if start+h.DescriptorSize*sectorSize > uint64(e.size) {
		return nil, "is cut off"
	}
	return e.head[start:min(end, uint64(len(e.head)))], ""
}

// vmdkLayout checks where the grain directory is and, in an image made of
// markers, each of them.
func (e *examiner) vmdkLayout(h vmdkHeader) string {
	if stream, ok := e.body.(*vmdkStream); ok && stream != nil {
		return stream.end(e.size, e.tail)
	}
	if h.GDOffset == 0 || h.GDOffset >= uint64(e.size)/sectorSize {
		return "has no grain directory"
	}
	return ""
}
