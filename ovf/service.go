package ovf

// ServiceNamespace is the namespace of NetworkServiceSection.
const ServiceNamespace = "urn:bumpwire:ovf:network-service:1"

// Role is what a NIC is for.
type Role string

// The roles of a leg.
const (
	RoleInside     Role = "inside"
	RoleOutside    Role = "outside"
	RoleManagement Role = "management"
	RoleHA         Role = "ha"
)

// NetworkService is how an appliance is inserted into a network: what
// NetworkServiceSection says, with its defaults filled in, or what Service
// infers.
type NetworkService struct {
	System    string   // ovf:id of the virtual system
	Type      string   // free word: firewall, load-balancer, …; "" when not known
	Topology  string   // single or symmetric
	Modes     []string // in-path, redirect
	ManagedBy []string // tenant, provider
	Zones     string   // bridged or isolated
	Legs      []Leg
	Probe     string      // arp or none: what must pass through before the appliance counts as ready
	Health    *Health     // nil: none
	Login     *Management // nil: none
	Failure   string      // closed or open
	HA        []string    // none, respin, standby, cluster:n

	// Of a symmetric service: the sides that this system serves, the property that is
	// filled with the name of the side that an appliance is on, and those that are
	// filled with the addresses of the others.
	Sides        []string
	SideProperty string
	Peers        []Peer

	// The properties that are filled with the key by which the appliance signs what it
	// reports as used, and with the id of its instance; "" for none.
	UsageKeyProperty      string
	UsageInstanceProperty string

	Prices   []Price
	Inferred bool // no section said so
}

// Leg gives a NIC its role.
type Leg struct {
	InstanceID string
	Role       Role
	Pair       int // from 1; which inside belongs to which outside
}

// Health is asked on the management leg.
type Health struct {
	Protocol string
	Port     int
	Path     string
}

// Management is what a binding hands out.
type Management struct {
	Protocol         string
	Port             int
	User             string
	PasswordProperty string // full property id
	// Accounts is the path under which the appliance keeps further logins, with
	// {user} for a name; "" when it can have none.
	Accounts string
}

// Price is a suggested list price.
type Price struct {
	Configuration string // "" for every configuration
	Dimension     string
	Unit          string
	Amount        string // decimal
	Currency      string // ISO 4217
}
