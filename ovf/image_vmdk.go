package ovf

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
)

// vmdkHeader is the SparseExtentHeader of VMware's Virtual Disk Format 5.0.
type vmdkHeader struct {
	Magic            [4]byte
	Version, Flags   uint32
	Capacity         uint64 // sectors
	GrainSize        uint64
	DescriptorOffset uint64 // sectors
	DescriptorSize   uint64 // sectors
}

const sectorSize = 512

// inspectVMDK accepts streamOptimized and monolithicSparse images that are
// whole in this one file. Everything else names other files, and a converter
// that follows such names reads the host's disk (CVE-2022-47951).
func inspectVMDK(head []byte) image {
	img := image{format: FormatVMDK}
	var h vmdkHeader
	if err := binary.Read(bytes.NewReader(head), binary.LittleEndian, &h); err != nil {
		return img.refuse(CodeDiskHeader, "the VMDK header is cut off")
	}
	if h.Version < 1 || h.Version > 3 {
		return img.refuse(CodeDiskHeader, "VMDK version %d is not known", h.Version)
	}
	if h.Capacity > 1<<53 {
		return img.refuse(CodeDiskHeader, "the VMDK header claims %d sectors", h.Capacity)
	}
	img.virtual = int64(h.Capacity) * sectorSize
	if h.DescriptorOffset == 0 || h.DescriptorSize == 0 {
		return img.refuse(CodeDiskBacking, "the VMDK is one extent of a disk that lies in several files")
	}
	if h.DescriptorOffset > headSize/sectorSize || h.DescriptorSize > headSize/sectorSize {
		return img.refuse(CodeDiskHeader, "the VMDK's embedded descriptor is too far inside or too long")
	}
	start, end := h.DescriptorOffset*sectorSize, (h.DescriptorOffset+h.DescriptorSize)*sectorSize
	if end > uint64(len(head)) {
		return img.refuse(CodeDiskHeader, "the VMDK's embedded descriptor is cut off")
	}
	text, _, _ := bytes.Cut(head[start:end], []byte{0})
	return checkVMDKDescriptor(img, string(text))
}

var (
	vmdkSetting = regexp.MustCompile(`^\s*([A-Za-z]+)\s*=\s*"?([^"]*?)"?\s*$`)
	vmdkExtent  = regexp.MustCompile(`^\s*(RW|RDONLY|NOACCESS)\s+(\d+)\s+([A-Z]+)`)
)

func checkVMDKDescriptor(img image, text string) image {
	extents, kind := 0, ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if extent := vmdkExtent.FindStringSubmatch(line); extent != nil {
			extents++
			if extent[3] != "SPARSE" {
				return img.refuse(CodeDiskBacking, "the VMDK has an extent of type %s in another file", extent[3])
			}
			continue
		}
		setting := vmdkSetting.FindStringSubmatch(line)
		if setting == nil || strings.HasPrefix(line, "#") {
			continue
		}
		switch key, value := strings.ToLower(setting[1]), strings.ToLower(setting[2]); {
		case key == "createtype":
			kind = value
		case key == "parentcid" && value != "ffffffff", key == "parentfilenamehint" && value != "":
			return img.refuse(CodeDiskBacking, "the VMDK is a delta of another image")
		}
	}
	switch {
	case kind != "streamoptimized" && kind != "monolithicsparse":
		return img.refuse(CodeDiskBacking, "the VMDK is of type %q; only streamOptimized and monolithicSparse are whole in one file", printable(kind, 40))
	case extents != 1:
		return img.refuse(CodeDiskBacking, "the VMDK has %d extents; it must have one", extents)
	}
	return img
}
