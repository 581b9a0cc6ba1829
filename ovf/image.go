package ovf

import (
	"fmt"
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
	FormatLUKS    Format = "luks"
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
		{"iso", FormatISO}, {"ecma-119", FormatISO}, {"raw", FormatRaw},
	} {
		if strings.Contains(uri, known.word) {
			return known.format
		}
	}
	return FormatUnknown
}

// image is what a file's own bytes say.
type image struct {
	format  Format
	virtual int64 // bytes of the disk inside; 0 when not said
	slack   int64 // bytes of virtual that may be mere rounding
	code    Code  // "" when nothing is wrong
	reason  string
	warning string // a CodeDiskHeader of a disk that works nevertheless
	foreign string // what the file is when nobody can take it for a disk
}

func (i image) refuse(code Code, format string, args ...any) image {
	i.code, i.reason = code, fmt.Sprintf(format, args...)
	return i
}

// maxVirtual is above every disk there is and far below what overflows.
const maxVirtual = 1 << 60

// formats are all that the bytes of a file may be taken for, by whatever reader
// comes to see them. More than one makes a file that is one thing to whoever
// checks it and another to whoever uses it.
func formats(head, tail []byte) []Format {
	var found []Format
	for _, f := range []struct {
		format Format
		is     bool
	}{
		{FormatVMDK, at(head, 0, "KDMV") || at(head, 0, "COWD") || isVMDKText(head)},
		{FormatQCOW2, at(head, 0, "QFI\xfb")},
		{FormatVHDX, at(head, 0, "vhdxfile")},
		{FormatVHD, at(head, 0, "conectix") || at(lastSector(tail), 0, "conectix")},
		{FormatVDI, at(head, 64, "\x7f\x10\xda\xbe")},
		{FormatLUKS, at(head, 0, "LUKS\xba\xbe")},
		{FormatGzip, at(head, 0, gzipMagic)},
		{FormatISO, at(head, isoStart+1, "CD001")},
		{foreign, foreignFormat(head, tail) != ""},
	} {
		if f.is {
			found = append(found, f.format)
		}
	}
	return found
}

// foreign is any format that is no disk image which a package may hold.
const foreign Format = "foreign"

const gzipMagic = "\x1f\x8b"

// foreignFormat names what a file is that nobody can take for a plain disk; ""
// when it may be one.
func foreignFormat(head, tail []byte) string {
	for _, known := range []struct {
		offset      int
		magic, name string
	}{
		{257, "ustar", "a tar archive"}, {0, "PK\x03\x04", "a zip archive"}, {0, "7z\xbc\xaf\x27\x1c", "a 7z archive"},
		{0, "\xfd7zXZ\x00", "an xz file"}, {0, "\x28\xb5\x2f\xfd", "a zstd file"},
		{0, "BZh", "a bzip2 file"}, {0, "QED\x00", "a QED image"}, {0, "WithoutFreeSpace", "a Parallels image"},
		{0, "WithouFreSpacExt", "a Parallels image"}, {0, "Bochs Virtual HD Image", "a Bochs image"},
		{0, "MSWIM\x00\x00\x00", "a Windows image"}, {0, "\x7fELF", "a program"},
		{0, "<!DOCTYPE", "a web page"}, {0, "<html", "a web page"}, {0, "<?xml", "an XML file"},
	} {
		if at(head, known.offset, known.magic) {
			return known.name
		}
	}
	if at(lastSector(tail), 0, "koly") {
		return "an Apple disk image"
	}
	return ""
}

func at(data []byte, offset int, magic string) bool {
	return len(data) >= offset+len(magic) && string(data[offset:offset+len(magic)]) == magic
}

func lastSector(tail []byte) []byte { return tail[max(0, len(tail)-sectorSize):] }
