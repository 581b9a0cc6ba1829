package ovf

import "encoding/binary"

// isoStart is where the volume descriptors of an ISO image begin, and
// isoDescriptor the size of one (ECMA-119 clause 8).
const (
	isoStart      = 16 * 2048
	isoDescriptor = 2048
)

// iso looks for the primary volume descriptor and holds its size against the
// file's. Behind it there may be more, as in images that a disk can begin with.
func (e *examiner) iso() image {
	img := image{format: FormatISO}
	for place := isoStart; len(e.head) >= place+isoDescriptor && at(e.head, place+1, "CD001"); place += isoDescriptor {
		switch d := e.head[place : place+isoDescriptor]; d[0] {
		case 1:
			return e.isoPrimary(img, d)
		case 255:
			return img.refuse(CodeDiskHeader, "the CD image has no primary volume descriptor")
		}
	}
	return img.refuse(CodeDiskHeader, "the CD image is cut off")
}

func (e *examiner) isoPrimary(img image, d []byte) image {
	blocks, block := binary.LittleEndian.Uint32(d[80:]), binary.LittleEndian.Uint16(d[128:])
	switch {
	case blocks != binary.BigEndian.Uint32(d[84:]), block != binary.BigEndian.Uint16(d[130:]), block != 512 && block != 1024 && block != 2048:
		return img.refuse(CodeDiskHeader, "the CD image contradicts itself on its size")
	case int64(blocks)*int64(block) > e.size:
		return img.refuse(CodeDiskHeader, "the CD image is cut off")
	}
	return img
}
