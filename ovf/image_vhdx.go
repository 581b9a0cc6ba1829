package ovf

import (
	"encoding/binary"
	"hash/crc32"
)

// VHDX by [MS-VHDX]. GUIDs are in the byte order of the file.
const (
	vhdxHeader1, vhdxHeader2 = 64 * kib, 128 * kib
	vhdxRegions1             = 192 * kib
	vhdxHeaderSize           = 4 * kib
	vhdxTableSize            = 64 * kib
	// vhdxWindow is how much of the metadata region is kept: its table and the
	// items, which writers put right behind it.
	vhdxWindow = 2 * vhdxTableSize

	vhdxBAT      = "\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08"
	vhdxMetadata = "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"

	vhdxFileParameters = "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b"
	vhdxVirtualSize    = "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8"
	vhdxPage83         = "\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46"
	vhdxLogicalSector  = "\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f"
	vhdxPhysicalSector = "\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56"
	vhdxParentLocator  = "\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// vhdxRegion is the metadata region as it streams by.
type vhdxRegion struct {
	start, end, pos int64
	data            []byte
	wrong           string
}

// newVHDXMetadata finds the metadata region in the region table.
func newVHDXMetadata(head []byte) body {
	r := &vhdxRegion{}
	if len(head) < headSize {
		r.wrong = "is cut off"
		return r
	}
	table := head[vhdxRegions1:][:vhdxTableSize]
	count := binary.LittleEndian.Uint32(table[8:])
	if !at(table, 0, "regi") || !vhdxSound(table) || count > 2047 {
		r.wrong = "has a damaged region table"
		return r
	}
	for entry := table[16:]; count > 0; entry, count = entry[32:], count-1 {
		offset, size := binary.LittleEndian.Uint64(entry[16:]), binary.LittleEndian.Uint32(entry[24:])
		switch id := string(entry[:16]); {
		case offset < mib || offset > maxVirtual || offset%mib != 0:
			r.wrong = "has a region in an absurd place"
		case id == vhdxMetadata && size >= vhdxWindow && r.end == 0:
			r.start, r.end = int64(offset), int64(offset)+vhdxWindow
		case id == vhdxBAT:
		case id == vhdxMetadata, entry[28]&1 != 0: // twice or too short; or required
			r.wrong = "has regions that are not known"
		}
	}
	return r
}

func (r *vhdxRegion) write(p []byte) {
	from, to := max(r.start-r.pos, 0), min(r.end-r.pos, int64(len(p)))
	if from < to {
		r.data = append(r.data, p[from:to]...)
	}
	r.pos += int64(len(p))
}

// vhdxSound verifies the checksum of a structure, the second word of it, which
// counts as 0.
func vhdxSound(data []byte) bool {
	sum := crc32.Update(0, castagnoli, data[:4])
	sum = crc32.Update(sum, castagnoli, make([]byte, 4))
	return crc32.Update(sum, castagnoli, data[8:]) == binary.LittleEndian.Uint32(data[4:])
}

// vhdx refuses images with a parent, and ones with a log that has yet to be
// replayed: its entries write anywhere into the image, this check included.
func (e *examiner) vhdx() image {
	img := image{format: FormatVHDX}
	region := e.body.(*vhdxRegion)
	if region.wrong != "" {
		return img.refuse(CodeDiskHeader, "the VHDX %s", region.wrong)
	}
	logs, headers := 0, 0
	for _, place := range []int{vhdxHeader1, vhdxHeader2} {
		header := e.head[place:][:vhdxHeaderSize]
		if !at(header, 0, "head") || !vhdxSound(header) {
			continue
		}
		headers++
		if !isZero(header[48:64]) {
			logs++
		}
	}
	switch {
	case headers == 0:
		return img.refuse(CodeDiskHeader, "the VHDX has no sound header")
	case logs > 0:
		return img.refuse(CodeDiskHeader, "the VHDX was not closed; its log has to be replayed")
	case len(region.data) < vhdxWindow:
		return img.refuse(CodeDiskHeader, "the VHDX has no metadata, or was cut off")
	}
	return vhdxItems(img, region.data)
}

// vhdxItems reads the metadata table and the items that matter.
func vhdxItems(img image, data []byte) image {
	count := int(binary.LittleEndian.Uint16(data[10:]))
	if !at(data, 0, "metadata") || count > 2047 {
		return img.refuse(CodeDiskHeader, "the VHDX has a damaged metadata table")
	}
	var size uint64
	known := 0
	for i := range count {
		entry := data[32+32*i:][:32]
		offset, length := int64(binary.LittleEndian.Uint32(entry[16:])), int64(binary.LittleEndian.Uint32(entry[20:]))
		id := string(entry[:16])
		if id == vhdxParentLocator {
			return img.refuse(CodeDiskBacking, "the VHDX is a delta of another image")
		}
		if offset < vhdxTableSize || length < 0 || offset+max(length, 8) > vhdxWindow {
			return img.refuse(CodeDiskHeader, "the VHDX has metadata too far inside or too long")
		}
		value := data[offset:]
		switch id {
		case vhdxFileParameters:
			known++
			if binary.LittleEndian.Uint32(value[4:])&2 != 0 {
				return img.refuse(CodeDiskBacking, "the VHDX is a delta of another image")
			}
			if block := binary.LittleEndian.Uint32(value); block < mib || block > 256*mib || block&(block-1) != 0 {
				return img.refuse(CodeDiskHeader, "the VHDX has an absurd block size")
			}
		case vhdxVirtualSize:
			known++
			size = binary.LittleEndian.Uint64(value)
		case vhdxPage83, vhdxLogicalSector, vhdxPhysicalSector:
		default:
			if entry[24]&4 != 0 {
				return img.refuse(CodeDiskHeader, "the VHDX needs features that are not known")
			}
		}
	}
	if known != 2 || size == 0 || size > 64*tib {
		return img.refuse(CodeDiskHeader, "the VHDX has no plausible size")
	}
	img.virtual = int64(size)
	return img
}
