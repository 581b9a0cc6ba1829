package ovf

// The resource types (CIM_ResourceAllocationSettingData.ResourceType) that this
// package acts on.
const (
	ResourceOther         = 1
	ResourceCPU           = 3
	ResourceMemory        = 4
	ResourceIDE           = 5
	ResourceSCSI          = 6
	ResourceEthernet      = 10
	ResourceCD            = 15
	ResourceDVD           = 16
	ResourceDisk          = 17
	ResourceStorageExtent = 19
	ResourceSATA          = 20
	ResourceLogicalDisk   = 31
)

// Bound says what an Item's quantity means.
type Bound string

// A normal item is a requirement; the others mark a range and are no device.
const (
	BoundNormal Bound = "normal"
	BoundMin    Bound = "min"
	BoundMax    Bound = "max"
)

// Hardware is one VirtualHardwareSection.
type Hardware struct {
	ID         string
	Families   []string // VirtualSystemType: vmx-13, virtualbox-2.2, …
	Identifier string   // VirtualSystemIdentifier
	Transports []string // how the guest wants its environment: iso, com.vmware.guestInfo
	Items      []Item
	Firmware   string // "efi" or "bios" where vmw:Config says so, else ""
	SecureBoot bool

	// Requirements are what else it asks for, for people to read.
	Requirements []Requirement
	place        *place
}

// Item is one resource of a virtual system, for some configurations.
type Item struct {
	InstanceID          string
	ElementName         string
	Description         string
	Type                int // ResourceType
	Subtypes            []string
	Quantity            int64 // VirtualQuantity; -1 when not said
	Units               string
	Reservation         int64    // of Units; -1 when not said
	Limit               int64    // of Units; -1 when not said
	Weight              int64    // among siblings; -1 when not said
	Configurations      []string // empty: all
	Bound               Bound
	Required            bool
	Parent              string // InstanceID of the controller
	AddressOnParent     string
	Address             string
	HostResources       []string
	Connections         []string
	AutomaticAllocation bool
	PortProfile         string // NetworkPortProfileID of an Ethernet item (2.x)
	badQuantity         bool   // refused before
	place               *place
}

// appliesTo reports whether the item counts in that configuration.
func (i Item) appliesTo(configuration string) bool {
	if len(i.Configurations) == 0 {
		return true
	}
	for _, c := range i.Configurations {
		if c == configuration {
			return true
		}
	}
	return false
}

// isDisk reports whether the item is a disk. XenServer calls one a storage
// extent.
func (i Item) isDisk() bool {
	return i.Type == ResourceDisk || i.Type == ResourceLogicalDisk || i.Type == ResourceStorageExtent
}

func (i Item) isDrive() bool { return i.Type == ResourceCD || i.Type == ResourceDVD }
