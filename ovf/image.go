package ovf

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Format is what the bytes of a file are.
type Format string

// The formats that are told apart.
const (
	FormatVMDK    Format = "vmdk"
	FormatQCOW2   Format = "qcow2"
	FormatVHD     Format = "vhd"
	FormatVHDX    Format = "vhdx"
	FormatVDI     Format = "vdi"
	FormatISO     Format = "iso"
	FormatGzip    Format = "gzip"
	FormatRaw     Format = "raw" // nothing known; for a disk: its plain bytes
	FormatUnknown Format = ""
)

// claimedFormat maps the format URI of a Disk to what it claims the bytes are.
func claimedFormat(uri string) Format {
	uri = strings.ToLower(uri)
	for _, known := range []struct {
		word   string
		format Format
	}{
		{"vmdk", FormatVMDK}, {"qcow", FormatQCOW2}, {"vhdx", FormatVHDX}, {"vhd", FormatVHD}, {"vdi", FormatVDI},
		{"iso", FormatISO}, {"raw", FormatRaw},
	} {
		if strings.Contains(uri, known.word) {
			return known.format
		}
	}
	return FormatUnknown
}

// headSize and tailSize are what is kept of a member to tell its format: the
// volume descriptor of an ISO image begins at 32 KiB, the embedded descriptor
// of a VMDK ends at about 11 KiB, and the footer of a VHD is at its end.
const (
	headSize = 128 * kib
	tailSize = 512
)

// image is what a file's own bytes say.
type image struct {
	format  Format
	virtual int64 // bytes of the disk inside; 0 when not said
	slack   int64 // bytes of virtual that may be mere rounding
	code    Code  // "" when nothing is wrong
	reason  string
}

func (i image) refuse(code Code, format string, args ...any) image {
	i.code, i.reason = code, fmt.Sprintf(format, args...)
	return i
}

// inspectImage tells the format by the bytes alone and checks its header.
func inspectImage(head, tail []byte, size int64) image {
	iso := at(head, 32769, "CD001")
	vhd := len(tail) == tailSize && at(tail, 0, "conectix")
	first := formatAtStart(head)
	switch {
	case iso && (first != FormatRaw || vhd), vhd && first != FormatRaw && first != FormatVHD:
		return image{format: first}.refuse(CodeDiskFormat, "the file is of two formats at once")
	case iso:
		return image{format: FormatISO}
	case vhd:
		return inspectVHD(tail)
	}
	switch first {
	case FormatVMDK:
		if at(head, 0, "KDMV") {
			return inspectVMDK(head)
		}
		return image{format: FormatVMDK}.refuse(CodeDiskBacking, "the VMDK keeps its data in other files")
	case FormatQCOW2:
		return inspectQCOW2(head)
	case FormatVDI:
		return inspectVDI(head)
	case FormatVHD:
		return image{format: FormatVHD}.refuse(CodeDiskHeader, "the VHD has no footer")
	case FormatVHDX:
		return image{format: FormatVHDX}.refuse(CodeDiskUnsupported, "VHDX images are not accepted; convert it to VMDK or QCOW2")
	case FormatRaw:
		return image{format: FormatRaw, virtual: size}
	}
	return image{format: first}
}

func formatAtStart(head []byte) Format {
	switch {
	case at(head, 0, "KDMV"), at(head, 0, "COWD"), at(head, 0, "# Disk DescriptorFile"):
		return FormatVMDK
	case at(head, 0, "QFI\xfb"):
		return FormatQCOW2
	case at(head, 0, "vhdxfile"):
		return FormatVHDX
	case at(head, 0, "conectix"):
		return FormatVHD
	case at(head, 64, "\x7f\x10\xda\xbe"):
		return FormatVDI
	case at(head, 0, "\x1f\x8b"):
		return FormatGzip
	}
	return FormatRaw
}

func at(data []byte, offset int, magic string) bool {
	return len(data) >= offset+len(magic) && string(data[offset:offset+len(magic)]) == magic
}

// inspectCompressed looks inside a gzip stream as far as its head reaches.
func inspectCompressed(head []byte) image {
	outer := image{format: FormatGzip}
	z, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return outer.refuse(CodeCompression, "the file is not compressed with gzip, although its reference says so")
	}
	inner := make([]byte, headSize)
	n, err := io.ReadFull(z, inner)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return outer.refuse(CodeCompression, "the gzip stream is damaged")
	}
	img := inspectImage(inner[:n], nil, 0)
	if img.format == FormatVHD && img.code == CodeDiskHeader {
		return image{format: FormatVHD} // its footer is beyond what was kept
	}
	return img
}
