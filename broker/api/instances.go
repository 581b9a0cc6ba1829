package api

import (
	"encoding/json"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Instance is a service instance as people see it: no secrets.
type Instance struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Platform      string            `json:"platform"`
	Tenant        string            `json:"tenant"`
	Region        string            `json:"region,omitempty"` // where it is, of the several that the broker has
	Service       string            `json:"service"`          // id
	ServiceName   string            `json:"service_name"`     // empty once the service is gone
	Plan          string            `json:"plan"`             // id
	PlanName      string            `json:"plan_name"`
	Package       string            `json:"package"`
	Upgrade       string            `json:"upgrade,omitempty"` // the package that it can be upgraded to; empty: it has that
	Configuration string            `json:"configuration"`
	State         string            `json:"state"`
	ManagedBy     string            `json:"managed_by"`     // tenant, provider
	Bill          string            `json:"bill,omitempty"` // of a provider's: who pays, as NewInsertion says
	Operation     Operation         `json:"operation"`
	Networks      []string          `json:"networks"`          // the tenant networks it protects, bindings' included
	Mode          string            `json:"mode"`              // in-path, redirect
	Match         string            `json:"match,omitempty"`   // in words, which flows are redirected
	Members       []Member          `json:"members,omitempty"` // in redirect mode, and of one with a standby
	Management    string            `json:"management,omitempty"`
	Parameters    map[string]string `json:"parameters,omitempty"` // without passwords
	Health        Health            `json:"health"`
	Failure       string            `json:"failure"`                // closed, open: what becomes of the traffic when it fails
	Availability  string            `json:"availability,omitempty"` // none, respin, standby: what is done about an appliance that fails
	Bypass        string            `json:"bypass,omitempty"`       // why traffic gets past it: failed, asked, returning (as soon as it forwards)
	Suspended     bool              `json:"suspended,omitempty"`    // by an operator: traffic gets past it, and nothing is changed or mended
	Upkeep        Operation         `json:"upkeep"`                 // the latest on its appliances: failover, bypass, restore, respin, suspend, resume
	Bindings      []Binding         `json:"bindings"`
	Created       time.Time         `json:"created,omitzero"`
}

// Member is one of an instance's several appliances.
type Member struct {
	Appliance  string `json:"appliance"`
	Side       string `json:"side,omitempty"`       // of a symmetric service
	Management string `json:"management,omitempty"` // address
	Idle       bool   `json:"idle,omitempty"`       // does not answer
	Standby    bool   `json:"standby,omitempty"`    // is there to take over
	Start      int    `json:"start,omitempty"`      // how often it was booted anew
}

// Operation is the latest operation on an instance or a binding.
type Operation struct {
	ID          string    `json:"id,omitempty"`
	Kind        string    `json:"kind,omitempty"`
	State       string    `json:"state,omitempty"` // in progress, succeeded, failed
	Description string    `json:"description,omitempty"`
	Started     time.Time `json:"started,omitzero"`
	Finished    time.Time `json:"finished,omitzero"`
}

// Health is the latest verdict on an instance's appliance.
type Health struct {
	Status string    `json:"status"` // unknown, ok, degraded, failing, bypassed, suspended
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"` // of this status
}

// Binding is a binding as people see it. Credentials are there only when one
// binding is asked for.
type Binding struct {
	ID          string       `json:"id"`
	Instance    string       `json:"instance"`
	State       string       `json:"state"`
	Network     string       `json:"network,omitempty"` // that it stitches
	Match       string       `json:"match,omitempty"`   // in words, which of its flows are redirected, if not as the instance's
	Operation   Operation    `json:"operation"`
	Credentials *Credentials `json:"credentials,omitempty"`
	Endpoints   []Endpoint   `json:"endpoints,omitempty"`
	Expires     time.Time    `json:"expires,omitzero"`      // when the credentials stop to work
	RenewBefore time.Time    `json:"renew_before,omitzero"` // when to rotate the binding
}

// Event is one entry of an instance's history.
type Event struct {
	Seq      int       `json:"seq"`
	At       time.Time `json:"at"`
	Instance string    `json:"instance"`
	Name     string    `json:"name"`
	Tenant   string    `json:"tenant"`
	State    string    `json:"state"`
	Health   string    `json:"health,omitempty"` // as of Health, from then until the next event
	Message  string    `json:"message"`
	Binding  string    `json:"binding,omitempty"`
	By       string    `json:"by,omitempty"`      // platform or user
	For      string    `json:"for,omitempty"`     // on whose behalf, as the platform says: platform/user
	Request  string    `json:"request,omitempty"` // the request's id
}

// NewInstance asks for an instance. Service and Plan are ids or names; an empty
// Plan is the service's default one.
type NewInstance struct {
	ID         string          `json:"id,omitempty"` // empty: the broker makes one
	Name       string          `json:"name,omitempty"`
	Tenant     string          `json:"tenant,omitempty"` // a tenant's user may leave it out
	Service    string          `json:"service"`
	Plan       string          `json:"plan,omitempty"`
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

// NewInsertion asks for an instance that the provider manages: all traffic of the
// tenant's networks passes it, nearest the gateway.
type NewInsertion struct {
	NewInstance
	Networks []string `json:"networks,omitempty"` // by id or name; left out: all that have a gateway, also those to come
	Bill     string   `json:"bill,omitempty"`     // whose bill it is on: operator (default), tenant, none
}

// InstanceUpdate asks to change an instance. What is left out stays; parameters
// are laid over those that it has.
type InstanceUpdate struct {
	Plan       string          `json:"plan,omitempty"` // id or name
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Upgrade    bool            `json:"upgrade,omitempty"` // to the package version that the service offers now
	Name       string          `json:"name,omitempty"`
}

// NewBinding asks for a binding.
type NewBinding struct {
	ID          string          `json:"id,omitempty"`          // empty: the broker makes one
	Predecessor string          `json:"predecessor,omitempty"` // a binding whose place it takes, with that one's parameters
	Parameters  json.RawMessage `json:"parameters,omitempty"`
}

// Accepted answers what takes its time.
type Accepted struct {
	Instance string `json:"instance"`
	Binding  string `json:"binding,omitempty"`
	Change   string `json:"change,omitempty"` // empty: done already
}

// Removal asks for a preview of a removal.
type Removal struct {
	Instance string `json:"instance"`
	Binding  string `json:"binding,omitempty"` // empty: of the instance itself
}

// UpdateTrial asks for a preview of an update.
type UpdateTrial struct {
	Instance string `json:"instance"`
	InstanceUpdate
}

// PreviewRequest asks what a request would do. Exactly one field is set.
type PreviewRequest struct {
	Create *NewInstance  `json:"create,omitempty"`
	Insert *NewInsertion `json:"insert,omitempty"`
	Update *UpdateTrial  `json:"update,omitempty"`
	Delete *Removal      `json:"delete,omitempty"`
}

// Preview is what a request would do, before it does it.
type Preview struct {
	topology.Proposal

	// Of the instance per hour, before and after; absent where it is not there, or
	// nobody is billed.
	PriceBefore *Price `json:"price_before,omitempty"`
	PriceAfter  *Price `json:"price_after,omitempty"`

	Text string `json:"text"` // the steps for people, one per line
}

// InstanceFilter narrows a listing; empty fields let everything pass.
type InstanceFilter struct {
	Tenant   string
	Platform string
	Service  string // id or name
	State    string
	Page     int // how many to ask for at a time; 0: as many as the broker gives
}

// Respin says which appliance is to be booted anew.
type Respin struct {
	Member *int `json:"member,omitempty"` // by number, from 0; left out: those that do not answer, else the only one
}

// Suspension says why an instance is suspended or resumed.
type Suspension struct {
	Reason string `json:"reason,omitempty"` // for its history, which the tenant sees; up to 500 bytes
}
