package ovf

// headSize is what is kept of the start of an image: the volume descriptors of an
// ISO image begin at 32 KiB, the region tables of a VHDX end at 320 KiB.
// tailSize is what is kept of its end: the footer of a streamOptimized VMDK with
// the markers around it, the footer of a VHD.
const (
	sectorSize = 512
	headSize   = 320 * kib
	tailSize   = 3 * sectorSize
)

// examiner tells what an image is and checks its header while the image streams
// by, as an io.Writer that never fails. What it keeps does not depend on the size
// of the image, nor on what the image says of itself.
type examiner struct {
	head, tail []byte
	size       int64
	begun      bool
	body       body // what is to be seen behind the head; nil for nothing
}

// body sees all bytes of an image from the first one on.
type body interface{ write(p []byte) }

func newExaminer() *examiner { return &examiner{} }

// Write sees the next bytes of the image.
func (e *examiner) Write(p []byte) (int, error) {
	e.size += int64(len(p))
	e.note(p)
	if e.begun {
		e.follow(p)
		return len(p), nil
	}
	room := min(headSize-len(e.head), len(p))
	e.head = append(e.head, p[:room]...)
	if len(e.head) == headSize {
		e.begin()
		e.follow(p[room:])
	}
	return len(p), nil
}

// note keeps the last bytes.
func (e *examiner) note(p []byte) {
	if len(p) >= tailSize {
		e.tail = append(e.tail[:0], p[len(p)-tailSize:]...)
		return
	}
	e.tail = append(e.tail, p...)
	if extra := len(e.tail) - tailSize; extra > 0 {
		e.tail = append(e.tail[:0], e.tail[extra:]...)
	}
}

// begin decides, by the head, what of the rest is to be seen.
func (e *examiner) begin() {
	e.begun = true
	switch {
	case at(e.head, 0, "KDMV"):
		e.body = newVMDKStream(e.head)
	case at(e.head, 0, "vhdxfile"):
		e.body = newVHDXMetadata(e.head)
	}
	e.follow(e.head)
}

func (e *examiner) follow(p []byte) {
	if e.body != nil {
		e.body.write(p)
	}
}

// judge is the verdict, once all bytes have been seen.
func (e *examiner) judge() image {
	if !e.begun {
		e.begin()
	}
	found := formats(e.head, e.tail)
	switch {
	case len(found) == 0:
		return e.raw()
	case len(found) > 1:
		return image{format: found[0]}.refuse(CodeDiskFormat, "the file is of two formats at once (%s and %s)", found[0], found[1])
	}
	switch found[0] {
	case FormatVMDK:
		return e.vmdk()
	case FormatQCOW2:
		return e.qcow2()
	case FormatVHD:
		return e.vhd()
	case FormatVHDX:
		return e.vhdx()
	case FormatVDI:
		return e.vdi()
	case FormatISO:
		return e.iso()
	case FormatLUKS:
		return image{format: FormatLUKS}.refuse(CodeDiskUnsupported, "the disk is encrypted as a whole (LUKS)")
	case FormatGzip:
		return image{format: FormatGzip}
	}
	return image{format: FormatRaw, foreign: foreignFormat(e.head, e.tail)}
}

// raw judges a disk of plain bytes.
func (e *examiner) raw() image {
	img := image{format: FormatRaw, virtual: e.size}
	if at(e.head, 512, "EFI PART") && !at(e.head, 510, "\x55\xaa") {
		img.warning = "the disk has a GPT without the protective MBR that belongs before it"
	}
	return img
}
