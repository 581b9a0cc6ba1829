package ovf

// Product is one ProductSection.
type Product struct {
	Class       string
	Instance    string
	Name        string // Product
	Vendor      string
	Version     string
	FullVersion string
	ProductURL  string // only http and https; others are dropped
	VendorURL   string
	AppURL      string // may hold ${…} of properties
	Icons       []Icon
	Properties  []Property
	place       *place
}

// Icon is a picture of the product. Its bytes come from outside: serve none
// without decoding and writing it anew.
type Icon struct {
	FileRef       string // id of a File
	MediaType     string // a claim
	Width, Height int    // pixels, a claim; 0 when not said or absurd
}

// Property is one setting of the guest.
type Property struct {
	ID               string // full id: class.key.instance with empty parts left out
	Key              string
	Class            string
	Instance         string
	Type             PropertyType
	Label            string
	Description      string
	Category         string
	Password         bool
	UserConfigurable bool
	Configurations   []string // vmware: only in these; empty: all
	Rules            Rules

	// Default is the value the descriptor gives, HasDefault whether it gives
	// one. A password's default is kept out of schemas, findings and reports.
	Default    string
	HasDefault bool

	// Values are the defaults of single configurations.
	Values map[string]string

	// Fill says that the broker, not the user, knows this value.
	Fill *Fill

	// Sources are VMware's other qualifiers that say what vSphere fills the value
	// with, such as Dns("Network 1") or Expression("${vami.ip0}"): those that Fill
	// is not made of.
	Sources []Source
	place   *place
}

// PropertyType is one of the CIM types a property may have.
type PropertyType string

// The types after reading: integers keep their width, the two real types and
// vendors' spellings become the nearest standard type.
const (
	TypeString  PropertyType = "string"
	TypeBoolean PropertyType = "boolean"
	TypeReal    PropertyType = "real64"
	TypeUint8   PropertyType = "uint8"
	TypeUint16  PropertyType = "uint16"
	TypeUint32  PropertyType = "uint32"
	TypeUint64  PropertyType = "uint64"
	TypeSint8   PropertyType = "sint8"
	TypeSint16  PropertyType = "sint16"
	TypeSint32  PropertyType = "sint32"
	TypeSint64  PropertyType = "sint64"
)

// Rules are the constraints of a property's qualifiers. A nil pointer or an
// empty list means no constraint.
type Rules struct {
	MinLen, MaxLen     *int64
	MinValue, MaxValue *float64
	Values             []string // ValueMap
}

// Fill says which address of a network a property is filled with, as dotted
// quad (qualifiers Ip, Netmask and Gateway), or what of the sides of a symmetric
// service (NetworkServiceSection).
type Fill struct {
	Kind    FillKind
	Network string // name in the NetworkSection; "" where the qualifier names none
	Side    string // of a peer's addresses: where that is; "" for all other sides
}

// Source is a qualifier that constrains nothing.
type Source struct {
	Qualifier string // as written: Dns, DomainName, HostPrefix, Subnet, SearchPath, HttpProxy, AutoIp, Expression, …
	Arguments []string
}

// FillKind is what of a network's addressing is meant, or of what our own section tells.
type FillKind string

// The kinds of addresses a broker chooses.
const (
	FillIP      FillKind = "ip"
	FillNetmask FillKind = "netmask"
	FillGateway FillKind = "gateway"
	FillPeer    FillKind = "peer" // addresses, separated by commas
	FillSide    FillKind = "side" // a name

	FillUsageKey FillKind = "usage-key" // 64 hexadecimal digits
	FillInstance FillKind = "instance"  // an id
)

// Value returns the property's default in that configuration.
func (p Property) Value(configuration string) (string, bool) {
	if v, ok := p.Values[configuration]; ok {
		return v, true
	}
	return p.Default, p.HasDefault
}

// appliesTo reports whether the property exists in that configuration.
func (p Property) appliesTo(configuration string) bool {
	return len(p.Configurations) == 0 || contains(p.Configurations, configuration)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// ofNetwork says whether the value is of a network's addressing, as a qualifier tells.
func (f Fill) ofNetwork() bool {
	return f.Kind == FillIP || f.Kind == FillNetmask || f.Kind == FillGateway
}
