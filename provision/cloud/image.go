package cloud

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// HeaderBytes is how much of an image says what it is.
const HeaderBytes = 64 << 10

// formats are those of disks' images that clouds take.
var formats = []string{"raw", "vmdk", "qcow2", "vhd", "vhdx", "vdi"}

// SelfContained refuses, as Invalid, images that name other files: opened with a
// cloud's rights, they would show a package's vendor anything on its machines. The
// format is always said to QEMU; a raw image that begins like another is refused all
// the same, in case anybody looks at it without being told. Read are no more than the
// first HeaderBytes, unless a VMDK says that its descriptor is farther behind.
func SelfContained(f io.ReaderAt, d Disk) error {
	head := make([]byte, 104)
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	bad := func(why string) error {
		return fault.New(fault.Invalid, "the image of disk %q %s", d.ID, why)
	}
	begins := ""
	for _, known := range []struct{ magic, format string }{
		{"KDMV", "vmdk"}, {"COWD", "vmdk"}, {"# Disk Descriptor", "vmdk"}, {"QFI\xfb", "qcow2"}, {"QED\x00", "qed"},
		{"vhdxfile", "vhdx"}, {"conectix", "vhd"}, {"LUKS\xba\xbe", "luks"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			begins = known.format
		}
	}
	if bytes.Equal(head[64:68], []byte("\x7f\x10\xda\xbe")) {
		begins = "vdi"
	}
	switch {
	case !slices.Contains(formats, d.Format):
		return bad(fmt.Sprintf("has the format %q; this cloud reads vmdk, qcow2, raw, vhd, vhdx and vdi", d.Format))
	case d.Format == "raw" && begins != "":
		return bad("is said to be raw and begins like a " + begins)
	case begins != d.Format && d.Format != "raw" && d.Format != "vhd": // a VHD may have nothing but an end
		return bad("is not a " + d.Format)
	case d.Format == "vmdk":
		return wholeVMDK(f, head, bad)
	case d.Format == "qcow2" && binary.BigEndian.Uint64(head[8:]) != 0:
		return bad("names a backing file")
	case d.Format == "qcow2" && binary.BigEndian.Uint32(head[4:]) >= 3 && binary.BigEndian.Uint64(head[72:])&4 != 0:
		return bad("names an external data file")
	}
	return nil
}

// wholeVMDK looks for what makes QEMU open other files: a capacity of 0, which
// makes it read the file as a descriptor, and the name of a parent anywhere in
// the 20 sectors that it takes for one.
func wholeVMDK(f io.ReaderAt, head []byte, bad func(string) error) error {
	if !bytes.HasPrefix(head, []byte("KDMV")) {
		return bad("is not a sparse VMDK, which has its data in itself")
	}
	place := binary.LittleEndian.Uint64(head[28:])
	if binary.LittleEndian.Uint64(head[12:]) == 0 || place > 1<<40 {
		return bad("is a VMDK descriptor that names other files")
	}
	text := make([]byte, 20*512)
	if _, err := f.ReadAt(text, int64(place)*512); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Contains(bytes.ToLower(text), []byte("parentfilenamehint")) {
		return bad("is a VMDK that names a parent")
	}
	return nil
}
