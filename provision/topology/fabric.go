// Package topology holds a tenant's network fabric as a graph and the pure
// decisions about it: what a fabric with certain services inserted should look
// like (Compose), which steps lead from what is to what should be (Plan), what a
// step does (Apply), whether a fabric is safe (Check), which way a packet takes
// (Path), and drawings. It does no input or output and knows no cloud.
//
// A chain on network N, from the hosts towards the gateway, is built so:
//
//	hosts ─ N ─[s1]─ seg(s1,N) ─[s2]─ seg(s2,N) ─ gateway
//
// The segment at a service's outside belongs to that service. So inserting or
// removing a service anywhere in a chain moves exactly one plug: the inside leg
// of its neighbour towards the gateway, or the gateway's own plug if it is last.
// Replacing one moves the same plug: the next generation of its appliance is made
// beside it, on the same inside and with a segment of its own.
package topology

import "net/netip"

// Identifiers. Those of networks, gateways and gateway ports are the cloud's;
// those of segments, appliances and legs are made here and are the same for the
// same input, so that a rerun finds what an earlier run made.
type (
	TenantID    string
	NetworkID   string
	GatewayID   string
	PortID      string
	InstanceID  string
	ApplianceID string
)

// NetworkRole says whose a network is and what for.
type NetworkRole string

const (
	RoleTenant     NetworkRole = "tenant"     // the tenant's own; never made or removed here
	RoleSegment    NetworkRole = "segment"    // made between two neighbours of a chain
	RoleManagement NetworkRole = "management" // made for the management legs of a tenant's appliances
)

// LegRole is what a NIC of an appliance is for.
type LegRole string

const (
	Inside     LegRole = "inside"     // towards the hosts
	Outside    LegRole = "outside"    // towards the gateway
	Management LegRole = "management" // carries no tenant traffic
	HA         LegRole = "ha"         // between the members of a service
)

// Fabric is one tenant's networks, gateways and appliances: observed (have) or
// stated (want). Slices are sorted by ID, so equal fabrics are deeply equal.
type Fabric struct {
	Tenant     TenantID    `json:"tenant"`
	Networks   []Network   `json:"networks"`
	Gateways   []Gateway   `json:"gateways"`
	Appliances []Appliance `json:"appliances"`
	Redirects  []Redirect  `json:"redirects,omitempty"`
}

// Network is one broadcast domain.
type Network struct {
	ID      NetworkID   `json:"id"`
	Name    string      `json:"name"`
	Role    NetworkRole `json:"role"`
	Subnets []Subnet    `json:"subnets,omitempty"`

	// Of a segment: the instance whose outside it is, and the tenant networks
	// whose traffic it carries (more than one only behind isolated zones).
	Instance InstanceID  `json:"instance,omitempty"`
	Carries  []NetworkID `json:"carries,omitempty"`
}

// Subnet is an address range of a network.
type Subnet struct {
	CIDR    netip.Prefix `json:"cidr"`
	Gateway netip.Addr   `json:"gateway"` // the gateway's address; invalid when there is none
}

// Gateway is a tenant's router towards the public network or other networks.
type Gateway struct {
	ID    GatewayID `json:"id"`
	Name  string    `json:"name"`
	Plugs []Plug    `json:"plugs"`
}

// Plug is one interface of a gateway. It serves the network Home and is plugged
// into the network At: into Home itself when no service is in path, otherwise
// into the outside segment of the last service of Home's chain. Addresses and
// MAC stay the same wherever it is plugged.
type Plug struct {
	Port      PortID         `json:"port"`
	Home      NetworkID      `json:"home"`
	At        NetworkID      `json:"at"`
	MAC       string         `json:"mac,omitempty"`
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// Appliance is one virtual machine of an instance.
type Appliance struct {
	ID       ApplianceID `json:"id"`
	Instance InstanceID  `json:"instance"`
	Side     string      `json:"side,omitempty"` // of a symmetric service
	Name     string      `json:"name"`
	Provider bool        `json:"provider,omitempty"` // the provider manages it; no tenant's to change
	Legs     []Leg       `json:"legs"`               // by NIC
	Booted   bool        `json:"booted"`             // observed: the machine runs; wanted: always true

	// Start is which start of the machine it is, from 0, and 0 where none runs. A
	// running machine of another start than wanted is shut down and booted anew on the
	// same legs.
	Start int `json:"start,omitempty"`
}

// Leg is one NIC of an appliance.
type Leg struct {
	Port PortID  `json:"port"`
	NIC  int     `json:"nic"` // position among the appliance's NICs, from 0, in the package's order
	Role LegRole `json:"role"`
	Pair int     `json:"pair,omitempty"` // inside and outside legs with the same number are two ends of one wire; from 1

	// At is the network it is plugged into; empty for a leg that waits unused.
	At NetworkID `json:"at,omitempty"`
	// Serves lists the tenant networks whose traffic passes here.
	Serves  []NetworkID  `json:"serves,omitempty"`
	MAC     string       `json:"mac,omitempty"`
	Address netip.Prefix `json:"address,omitzero"` // of a management leg
}

// Zones says what an appliance does with traffic of different protected networks.
type Zones string

const (
	Bridged  Zones = "bridged"  // each pair of legs is one wire; a leg shared by two networks would join them
	Isolated Zones = "isolated" // networks stay apart inside, so they may share one outside segment
)

// Service is an instance as Compose needs it: its NICs as the package has them
// and the networks it is stitched into. A symmetric instance is a service for each of
// its sides, with networks of its own.
type Service struct {
	Instance   InstanceID   `json:"instance"`
	Side       string       `json:"side,omitempty"`       // small letters, digits and dashes; empty when there is one
	Generation int          `json:"generation,omitempty"` // from 0; each is an appliance of its own
	Name       string       `json:"name"`
	Zones      Zones        `json:"zones"`
	NICs       []NIC        `json:"nics"`                // in the package's order
	Stitches   []Stitch     `json:"stitches"`            // at most one per network
	Management netip.Prefix `json:"management,omitzero"` // address of the management leg; invalid when none is wanted
	Mode       Mode         `json:"mode,omitempty"`
	Provider   bool         `json:"provider,omitempty"` // outermost: nearer to the gateway than all that are not

	// Replicas are the appliances of a service that has several, each with its own
	// management address; none means one, with Management. In path one of them
	// carries the traffic, and the others stand by: they are idle.
	Replicas []Replica `json:"replicas,omitempty"`
}

// Mode is how a service gets at the traffic.
type Mode string

const (
	InPath     Mode = ""         // its appliance bridges the two halves of a split network
	Redirected Mode = "redirect" // the gateway sends the flows that its stitches classify through its appliances
)

// Replica is one appliance of several that do the same.
type Replica struct {
	Number     int          `json:"number"` // from 0; its own as long as the service lives
	Management netip.Prefix `json:"management,omitzero"`
	Idle       bool         `json:"idle,omitempty"`  // gets no traffic, for instance because it does not answer
	Start      int          `json:"start,omitempty"` // see Appliance
}

// NIC is a NIC's role in the package.
type NIC struct {
	Role LegRole `json:"role"`
	Pair int     `json:"pair,omitempty"`
}

// Stitch is a tenant network's place in a chain for one instance.
type Stitch struct {
	Network NetworkID `json:"network"`
	Side    string    `json:"side,omitempty"` // of a symmetric service: which of its appliances
	Pair    int       `json:"pair"`           // which pair of legs carries this network; chosen once, kept for the stitch's life
	Rank    int       `json:"rank"`           // order along the chain: the lower, the nearer to the hosts

	// Fine orders stitches of one rank, as Place says.
	Fine string `json:"fine,omitempty"`

	// Match is which flows of the network are redirected, nil for all of them; only in
	// redirect mode, where all stitches have the same pair and Rank does not count.
	Match *Classifier `json:"match,omitempty"`

	// Bypassed says that the network's traffic is to get past the service for now. Its
	// appliance keeps its legs, so that a probe can tell when it forwards again.
	Bypassed bool `json:"bypassed,omitempty"`
	// Failure is what is to become of the network's traffic when the service fails;
	// empty: as its instance says. Whoever states Bypassed looks at it.
	Failure FailurePolicy `json:"failure,omitempty"`
}

// FailurePolicy says what becomes of traffic whose service fails.
type FailurePolicy string

const (
	FailClosed FailurePolicy = "closed" // it stops with the service
	FailOpen   FailurePolicy = "open"   // it gets past this service, and passes the others
)
