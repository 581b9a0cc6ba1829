package ovf

// Inspection is the answer of `package inspect`: a package as one JSON object.
// Its field names are a contract with other programs.
type Inspection struct {
	Valid        bool                   `json:"valid"`
	Package      InspectionPackage      `json:"package"`
	Verification InspectionVerification `json:"verification"`
	Plans        []InspectionPlan       `json:"plans"`
	Networks     []string               `json:"networks"`
	Properties   []InspectionProperty   `json:"properties"`
	Eulas        []InspectionEula       `json:"eulas"`
	Findings     []InspectionFinding    `json:"findings"`
}

// InspectionPackage says what the package is.
type InspectionPackage struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Vendor     string `json:"vendor"`
	Product    string `json:"product"`
	OVFVersion string `json:"ovf_version"`
	Digest     string `json:"digest"`
}

// InspectionVerification holds the states of manifest and signature.
type InspectionVerification struct {
	Manifest  ManifestState  `json:"manifest"`
	Signature SignatureState `json:"signature"`
}

// InspectionPlan is one Plan.
type InspectionPlan struct {
	ID          string             `json:"id"`
	Label       string             `json:"label"`
	Default     bool               `json:"default"`
	VCPUs       int64              `json:"vcpus"`
	MemoryBytes int64              `json:"memory_bytes"`
	Systems     []InspectionSystem `json:"systems"`
}

// InspectionSystem is one virtual system of a plan.
type InspectionSystem struct {
	ID          string           `json:"id"`
	VCPUs       int64            `json:"vcpus"`
	MemoryBytes int64            `json:"memory_bytes"`
	Disks       []InspectionDisk `json:"disks"`
	NICs        []InspectionNIC  `json:"nics"`
}

// InspectionDisk is one disk.
type InspectionDisk struct {
	ID            string `json:"id"`
	CapacityBytes int64  `json:"capacity_bytes"`
	Format        Format `json:"format"`
}

// InspectionNIC is one network interface.
type InspectionNIC struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Role    Role   `json:"role"`
	Model   string `json:"model"`
}

// InspectionProperty is one property. The default of a password is never
// shown.
type InspectionProperty struct {
	Key              string         `json:"key"`
	Type             PropertyType   `json:"type"`
	Label            string         `json:"label"`
	Default          *string        `json:"default"`
	Required         bool           `json:"required"`
	UserConfigurable bool           `json:"user_configurable"`
	Password         bool           `json:"password"`
	Schema           map[string]any `json:"schema"`
}

// InspectionEula is one licence with the digest by which it is accepted.
type InspectionEula struct {
	Info   string `json:"info"`
	Text   string `json:"text"`
	SHA256 string `json:"sha256"`
}

// InspectionFinding is one Finding.
type InspectionFinding struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Message  string   `json:"message"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Path     string   `json:"path"`
}
