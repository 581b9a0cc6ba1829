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
	Hardware        []Hardware       // of a virtual system; alternatives, the first is used
	Startup         []Startup        // of a collection
	ScaleOut        []ScaleOut       // of a collection (2.x)
	Service         *NetworkService  // our NetworkServiceSection; nil when absent

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

// Startup is one line of a StartupSection.
type Startup struct {
	ID              string // of a direct child
	Order           int    // equal numbers start in parallel; 0 means no order
	StartDelay      int    // seconds
	StopDelay       int    // seconds
	WaitingForGuest bool
	StartAction     string // powerOn or none
	StopAction      string // powerOff, guestShutdown or none
}

// ScaleOut says how many copies of a child may run.
type ScaleOut struct {
	ID      string // of a direct child
	Minimum int
	Default int
	Maximum int // 0: no upper bound
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
