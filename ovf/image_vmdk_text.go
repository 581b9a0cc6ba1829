package ovf

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

var (
	vmdkSetting = regexp.MustCompile(`(?i)(createType|parentCID)[ \t]*=[ \t]*"?([^"\r\n]*)`)
	vmdkExtent  = regexp.MustCompile(`(?im)^[ \t]*(?:RW|RDONLY|NOACCESS)[ \t]+\d+[ \t]+([A-Z]+)`)
)

// isVMDKText reports whether a file is, or passes for, a VMDK descriptor: by its
// customary first line or, as QEMU sees it, by a version behind nothing but
// comments.
func isVMDKText(head []byte) bool {
	if bytes.HasPrefix(bytes.ToLower(head[:min(len(head), 32)]), []byte("# disk descriptor")) {
		return true
	}
	for line := range bytes.Lines(head) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return bytes.HasPrefix(bytes.ToLower(line), []byte("version="))
		}
	}
	return false
}

// checkVMDKDescriptor says what makes a descriptor one of a disk that is not
// whole in its file; "" when it is. Readers differ in what they take for a
// setting: some look for its name anywhere, in a comment too. So each
// occurrence counts, wherever it is.
func checkVMDKDescriptor(text []byte) string {
	if bytes.Contains(bytes.ToLower(text), []byte("parentfilenamehint")) {
		return "is a delta of another image"
	}
	text = bytes.ReplaceAll(text, []byte{0}, []byte{'\n'})
	kinds := 0
	for _, setting := range vmdkSetting.FindAllSubmatch(text, -1) {
		key, value := strings.ToLower(string(setting[1])), strings.ToLower(strings.TrimSpace(string(setting[2])))
		switch {
		case key == "parentcid" && value != "ffffffff":
			return "is a delta of another image"
		case key == "createtype" && value != "streamoptimized" && value != "monolithicsparse":
			return fmt.Sprintf("is of type %q; only streamOptimized and monolithicSparse are whole in one file", printable(value, 40))
		case key == "createtype":
			kinds++
		}
	}
	extents := vmdkExtent.FindAllSubmatch(text, -1)
	for _, extent := range extents {
		if !strings.EqualFold(string(extent[1]), "SPARSE") {
			return fmt.Sprintf("has an extent of type %s in another file", printable(string(extent[1]), 40))
		}
	}
	switch {
	case kinds == 0:
		return "does not say of which type it is"
	case len(extents) != 1:
		return fmt.Sprintf("has %d extents; it must have one", len(extents))
	}
	return ""
}
