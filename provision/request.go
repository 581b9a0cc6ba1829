package provision

import (
	"encoding/json"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// ProvisionRequest asks for a new instance. Parameters is a JSON object: the
// package's properties by full id beside the reserved keys of Insertion.
type ProvisionRequest struct {
	ID                topology.InstanceID
	Platform          string // who asks: a platform's or a user's name
	Tenant            topology.TenantID
	Service           catalog.ServiceID
	Plan              catalog.PlanID
	Organization      string
	Space             string
	Context           json.RawMessage // may be nil
	Parameters        json.RawMessage // may be nil
	Version           string          // the maintenance version that it must have; empty: whichever is on offer
	AcceptsIncomplete bool
	Allowances        []Allowance // what it must fit into, each holder's; none: no limit
	Provider          *Provider   // nil: the tenant is to manage it
	Origin            Origin
}

// Origin is on whose behalf a platform asked, for the audit trail; both are the
// platform's words and grant nothing.
type Origin struct {
	Identity string // platform/user (OSB 2.17, "Originating Identity"); may be empty
	Request  string // the request's id (OSB 2.17, "Request Identity")
}

// BindRequest asks for a binding; Parameters may hold network and nearest. With a
// Predecessor it asks for a binding that can take the place of that one: beside
// the two ids everything may be left out then.
type BindRequest struct {
	Instance          topology.InstanceID
	ID                BindingID
	Predecessor       BindingID
	Platform          string
	Service           catalog.ServiceID
	Plan              catalog.PlanID
	BindResource      json.RawMessage
	Context           json.RawMessage
	Parameters        json.RawMessage
	AcceptsIncomplete bool
	Origin            Origin
}

// RemoveRequest asks to remove an instance (Binding empty) or a binding. With
// UnbindFirst an instance that has bindings is refused; without, they go with it.
type RemoveRequest struct {
	Instance          topology.InstanceID
	Binding           BindingID
	Platform          string
	Service           catalog.ServiceID
	Plan              catalog.PlanID
	AcceptsIncomplete bool
	UnbindFirst       bool
	Origin            Origin
}

// Outcome is what became of a request.
type Outcome struct {
	Operation work.ChangeID // set when InProgress
	Progress  bool          // accepted, still being carried out
	Existed   bool          // the very same thing was there already
}

// BindOutcome adds what a finished binding hands out.
type BindOutcome struct {
	Outcome
	Credentials Credentials
	Endpoints   []Endpoint
	Expires     time.Time // when Credentials stop to work; zero: when they are unbound
	RenewBefore time.Time // when they should be rotated; zero: never
}

// Credentials give access to an appliance's management side.
type Credentials struct {
	URI      string `json:"uri,omitempty"` // without user and password
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// Endpoint is spelled as the OSB API spells it: ports are strings.
type Endpoint struct {
	Host     string   `json:"host"`
	Ports    []string `json:"ports"`
	Protocol string   `json:"protocol,omitempty"`
}

// Preview is what a request would do, before it does it.
type Preview struct {
	topology.Proposal

	// What the instance costs at today's prices, before and after; nil where it is
	// not there, or nobody is billed.
	PriceBefore, PriceAfter *catalog.Price
}
