package ovf

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
