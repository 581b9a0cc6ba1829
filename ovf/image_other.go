package ovf

import "encoding/binary"

// inspectVHD reads the footer of a Microsoft VHD (Virtual Hard Disk Image
// Format Specification 1.0).
func inspectVHD(footer []byte) image {
	img := image{format: FormatVHD}
	size := binary.BigEndian.Uint64(footer[48:])
	switch kind := binary.BigEndian.Uint32(footer[60:]); kind {
	case 2, 3: // fixed, dynamic
	case 4:
		return img.refuse(CodeDiskBacking, "the VHD is a delta of another image")
	default:
		return img.refuse(CodeDiskHeader, "VHD type %d is not known", kind)
	}
	if size >= 1<<62 {
		return img.refuse(CodeDiskHeader, "the VHD footer has an absurd size")
	}
	img.virtual, img.slack = int64(size), vhdCylinder
	return img
}

// vhdCylinder is the largest unit to which writers round the size of a VHD up
// (16 heads of 255 sectors); what they add holds nothing.
const vhdCylinder = 16 * 255 * sectorSize

// inspectVDI reads the header of VirtualBox's format.
func inspectVDI(head []byte) image {
	img := image{format: FormatVDI}
	if len(head) < 376 {
		return img.refuse(CodeDiskHeader, "the VDI header is cut off")
	}
	size := binary.LittleEndian.Uint64(head[368:])
	switch kind := binary.LittleEndian.Uint32(head[76:]); kind {
	case 1, 2: // dynamic, fixed
	case 3, 4:
		return img.refuse(CodeDiskBacking, "the VDI is a delta of another image")
	default:
		return img.refuse(CodeDiskHeader, "VDI type %d is not known", kind)
	}
	if size >= 1<<62 {
		return img.refuse(CodeDiskHeader, "the VDI header has an absurd size")
	}
	img.virtual = int64(size)
	return img
}
