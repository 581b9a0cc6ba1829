package ovf

// Plan is what one deployment option asks for, with nothing left to resolve.
type Plan struct {
	ID          string // the configuration id, or "default"
	Label       string
	Description string
	Default     bool
	VCPUs       int64 // sum over Systems
	MemoryBytes int64 // sum over Systems
	Systems     []PlanSystem
}

// PlanSystem is one virtual system of a plan.
type PlanSystem struct {
	ID          string
	Name        string
	VCPUs       int64
	MemoryBytes int64
	CPURange    Range
	MemoryRange Range    // bytes
	Boot        []string // InstanceIDs of the disks, drives and NICs to boot from, in the order to try; empty when not said
	Disks       []PlanDisk
	Drives      []PlanDrive
	NICs        []PlanNIC
	Hardware    string // id of the VirtualHardwareSection that was chosen; mostly ""
	Transports  []string
	Environment Delivery
	Families    []string
	Firmware    string
	SecureBoot  bool
}

// Range is what bound Items allow around the normal quantity. Zero means not
// said.
type Range struct{ Min, Max int64 }

// PlanDisk is one disk of a plan's system, in boot order.
type PlanDisk struct {
	ID               string // diskId; "" for a disk that an Item describes alone
	InstanceID       string
	Name             string // ElementName
	CapacityBytes    int64
	CapacityProperty string // set when the value of this property decides the capacity
	Format           Format // as found in the file; as claimed when the file is not at hand; "" for a blank disk
	Member           string // the member with its content; "" for a blank disk
	Bus              string // ide, scsi, sata, or "" where no controller is named
}

// PlanDrive is one CD or DVD drive.
type PlanDrive struct {
	InstanceID string
	Name       string
	Member     string // the image inside; "" for an empty drive
}

// PlanNIC is one network interface, in document order.
type PlanNIC struct {
	InstanceID string
	Name       string // ElementName
	Network    string
	Model      string // the first ResourceSubType named
	Models     []string
	MAC        string
	Role       Role // "" when neither said nor to be inferred
	Pair       int  // which inside belongs to which outside; 0 unless Role is one of them
	Connected  bool // at start
}
