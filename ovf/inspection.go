package ovf

import "strings"

// Inspection is the answer of `package inspect`: a package as one JSON object.
// Its field names are a contract with other programs.
type Inspection struct {
	Valid        bool                    `json:"valid"`
	Package      InspectionPackage       `json:"package"`
	Verification InspectionVerification  `json:"verification"`
	Plans        []InspectionPlan        `json:"plans"`
	Networks     []string                `json:"networks"`
	Startup      []InspectionStartup     `json:"startup"`
	ScaleOut     []InspectionScaleOut    `json:"scale_out"`
	Placement    []InspectionPlacement   `json:"placement"`
	Properties   []InspectionProperty    `json:"properties"`
	Eulas        []InspectionEula        `json:"eulas"`
	Requirements []InspectionRequirement `json:"requirements"`
	Findings     Findings                `json:"findings"`
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
	VCPURange   InspectionRange  `json:"vcpu_range,omitzero"`
	MemoryRange InspectionRange  `json:"memory_range,omitzero"` // bytes
	Firmware    string           `json:"firmware,omitempty"`
	SecureBoot  bool             `json:"secure_boot,omitempty"`
	Environment Delivery         `json:"environment"` // how the guest gets it
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

// InspectionRequirement is what one virtual system asks for beyond OVF, and
// whether it is given to the machine.
type InspectionRequirement struct {
	System    string          `json:"system"`
	Item      string          `json:"item"`
	Kind      RequirementKind `json:"kind"`
	Key       string          `json:"key"`
	Value     string          `json:"value"`
	Required  bool            `json:"required"`
	Supported bool            `json:"supported"`
}

// Inspect returns the package as one object for JSON. Lists are never null.
func (p *Package) Inspect() Inspection {
	product := p.Product()
	in := Inspection{
		Valid: p.Valid(),
		Package: InspectionPackage{
			Name: p.name(), Version: product.Version, Vendor: product.Vendor, Product: product.Name,
			OVFVersion: string(p.Dialect), Digest: p.Digest,
		},
		Verification: InspectionVerification{Manifest: p.Verification.Manifest, Signature: p.Verification.Signature},
		Plans:        []InspectionPlan{}, Networks: []string{}, Properties: []InspectionProperty{},
		Eulas: []InspectionEula{}, Requirements: p.inspectRequirements(), Findings: append(Findings{}, p.Findings...),
	}
	for _, plan := range p.plans {
		in.Plans = append(in.Plans, inspectPlan(plan))
	}
	for _, network := range p.Networks {
		in.Networks = append(in.Networks, network.Name)
	}
	for _, property := range p.Properties() {
		in.Properties = append(in.Properties, p.inspectProperty(property))
	}
	in.Startup, in.ScaleOut, in.Placement = p.inspectStructure()
	for _, eula := range p.Eulas() {
		in.Eulas = append(in.Eulas, InspectionEula{Info: eula.Info, Text: eula.License, SHA256: sha256Hex([]byte(eula.License))})
	}
	return in
}

// name is what the package is called where nobody has given it a name: the
// descriptor's file name without its ending.
func (p *Package) name() string {
	return baseName(p.Descriptor[strings.LastIndexByte(p.Descriptor, '/')+1:])
}

// baseName is a file name without its last ending.
func baseName(file string) string {
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		return file[:i]
	}
	return file
}

func inspectPlan(plan Plan) InspectionPlan {
	out := InspectionPlan{
		ID: plan.ID, Label: plan.Label, Default: plan.Default, VCPUs: plan.VCPUs, MemoryBytes: plan.MemoryBytes,
		Systems: []InspectionSystem{},
	}
	for _, system := range plan.Systems {
		s := InspectionSystem{
			ID: system.ID, VCPUs: system.VCPUs, MemoryBytes: system.MemoryBytes, Environment: system.Environment,
			VCPURange: InspectionRange(system.CPURange), MemoryRange: InspectionRange(system.MemoryRange),
			Firmware: system.Firmware, SecureBoot: system.SecureBoot,
			Disks: []InspectionDisk{}, NICs: []InspectionNIC{},
		}
		for _, disk := range system.Disks {
			s.Disks = append(s.Disks, InspectionDisk{disk.ID, disk.CapacityBytes, disk.Format})
		}
		for _, nic := range system.NICs {
			s.NICs = append(s.NICs, InspectionNIC{nic.Name, nic.Network, nic.Role, nic.Model})
		}
		out.Systems = append(out.Systems, s)
	}
	return out
}

func (p *Package) inspectRequirements() []InspectionRequirement {
	all := []InspectionRequirement{}
	for _, system := range p.Systems() {
		for _, h := range system.Hardware {
			for _, q := range h.Requirements {
				all = append(all, InspectionRequirement{system.ID, q.InstanceID, q.Kind, q.Key, q.Value, q.Required, q.Supported})
			}
		}
	}
	return all
}

func (p *Package) inspectProperty(property Property) InspectionProperty {
	configuration := ""
	if plan, ok := p.Plan(""); ok {
		configuration = plan.ID
	}
	out := InspectionProperty{
		Key: property.ID, Type: property.Type, Label: property.Label, Required: property.RequiredIn(configuration),
		UserConfigurable: property.UserConfigurable, Password: property.Password, Schema: property.Schema(configuration),
	}
	if value, ok := property.Value(configuration); ok && !property.Password {
		out.Default = &value
	}
	return out
}
