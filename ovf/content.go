package ovf

// Content is a VirtualSystem, or a VirtualSystemCollection with children.
type Content struct {
	ID         string
	Name       string // Name, or ID where there is none
	Info       string
	Collection bool
	Children   []*Content // of a collection, in document order
	Parent     *Content   // nil for the outermost

	Products        []Product
	Eulas           []Eula
	Annotation      string
	OperatingSystem *OperatingSystem // nil when not said
	Hardware        []Hardware       // of a virtual system: alternatives, of which a plan has chosen one
	Service         *NetworkService  // our NetworkServiceSection; nil when absent

	// How it is brought up. The sections of 2.x are read in 1.x as well.
	Startup          []Startup         // of a collection: StartupSection
	ScaleOut         []ScaleOut        // of a collection: ScaleOutSection (2.x)
	Allocation       []Item            // of a collection: ResourceAllocationSection, for all children together
	Placement        []string          // PlacementSection (2.x): ids of PlacementGroups
	Boot             []BootDevice      // of a virtual system: in the order to try; empty when not said
	EnvironmentFiles []EnvironmentPart // of a virtual system: EnvironmentFilesSection (2.x)
	Install          *Install          // of a virtual system: InstallSection; nil when absent

	place *place
}

// Eula is one licence that must be accepted before provisioning.
type Eula struct {
	Info    string
	License string // verbatim
}

// OperatingSystem is the guest's.
type OperatingSystem struct {
	ID          int // CIM OsType; 0 when it is no number of the table
	Version     string
	Description string
	VMware      string // vmw:osType
}

// Properties returns the properties of all products of this content.
func (c *Content) Properties() []Property {
	var properties []Property
	for _, product := range c.Products {
		properties = append(properties, product.Properties...)
	}
	return properties
}

func (c *Content) each(visit func(*Content)) {
	visit(c)
	for _, child := range c.Children {
		child.each(visit)
	}
}

func (c *Content) systems(list []*Content) []*Content {
	if !c.Collection {
		return append(list, c)
	}
	for _, child := range c.Children {
		list = child.systems(list)
	}
	return list
}
