package provision

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// BindingID is the platform's id of a binding; any characters, unique for ever.
type BindingID string

// State is where an instance is in its life.
//
//	provisioning ──▶ active ──▶ deprovisioning ──▶ deleted
//	      │            ▲ └ (update, bind, unbind: stays active) ▲
//	      └──▶ failed ─┼────────────▶ deprovisioning ───────┘
type State string

const (
	Provisioning   State = "provisioning"
	Active         State = "active"
	Failed         State = "failed"         // provisioning was undone; nothing is left of it in the cloud
	Deprovisioning State = "deprovisioning" // no longer billed
	Deleted        State = "deleted"        // kept as a tombstone: history, billing, and answers to late questions
)

// Instance is a service instance: what the tenant asked for, what is so, and
// how it came to be. It is one document, so that history, work still to do and
// state can never disagree.
type Instance struct {
	ID       topology.InstanceID `json:"id"`
	Name     string              `json:"name"` // for people; from the platform's context, else the id
	Platform string              `json:"platform"`
	Tenant   topology.TenantID   `json:"tenant"`
	Region   string              `json:"region,omitempty"` // where it is, for its life; empty: the first one
	Service  catalog.ServiceID   `json:"service"`
	Plan     catalog.PlanID      `json:"plan"`

	// What it was made from; stays when the vendor publishes a newer version.
	Package       catalog.PackageID `json:"package"`
	Configuration string            `json:"configuration"`
	Insertion     catalog.Insertion `json:"insertion"`
	EULAs         []Acceptance      `json:"eulas,omitempty"` // of every licence of the package
	Size          Size              `json:"size,omitzero"`

	Organization string          `json:"organization"`
	Space        string          `json:"space"`
	Context      json.RawMessage `json:"context,omitempty"`
	Digest       string          `json:"digest"`            // of the request, to tell a repetition from a conflict
	Holders      []string        `json:"holders,omitempty"` // whose quotas it counts against

	// Values are the package's property values that the tenant or the broker
	// chose, by full id. Those of password properties are sealed.
	Values  map[string]string `json:"values,omitempty"`
	Secrets map[string]string `json:"secrets,omitempty"`

	// Stitches are the networks named when it was provisioned; bindings hold
	// theirs. Management is the address of the management leg, chosen when its
	// change is planned; invalid when it has no such leg.
	Stitches   []topology.Stitch `json:"stitches,omitempty"`
	Management netip.Prefix      `json:"management,omitzero"`
	Others     []netip.Prefix    `json:"others,omitempty"` // of the members after the first, by number

	Steering
	Provider *Provider `json:"provider,omitempty"` // nil: its tenant manages it

	// Generation is which appliance it has: an update that needs another one makes
	// the next. Generations is the highest that there has been, also for nothing.
	Generation  int     `json:"generation,omitempty"`
	Generations int     `json:"generations,omitempty"`
	Update      *Update `json:"update,omitempty"` // what it is becoming; nil when it is not

	State State `json:"state"`
	// InPlace says that the fabric holds the instance: set when its change has
	// inserted it, cleared when one has removed it. State says what was asked for.
	InPlace  bool                   `json:"in_place,omitempty"`
	Bindings map[BindingID]*Binding `json:"bindings,omitempty"`

	// Operation is the latest operation on the instance itself. Failover is the latest
	// on what has become of its appliances: see Upkeep.
	Operation Operation `json:"operation"`
	Failover  Operation `json:"failover,omitzero"`
	Upkeep
	History []Event `json:"history"`
	Health  Health  `json:"health"`

	// Drift is what of it is not as it should be in the cloud, in sentences, when the
	// schedule looked last; empty: nothing.
	Drift string `json:"drift,omitempty"`
}

// Size is what all appliances of an instance have together, by the package that they are
// made from; zero of instances that are older than this.
type Size struct {
	VCPUs       int   `json:"vcpus,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
}

// Operation is a durable request in progress or done; its id is also the id of
// the change that carries it out. Only the description of a failed one holds
// more than a fixed sentence.
type Operation struct {
	ID          work.ChangeID  `json:"id,omitempty"`
	Kind        work.Kind      `json:"kind,omitempty"`
	State       OperationState `json:"state,omitempty"`
	Description string         `json:"description,omitempty"`
	Started     time.Time      `json:"started,omitzero"`
	Finished    time.Time      `json:"finished,omitzero"`
}

// OperationState is spelled as the OSB API spells it.
type OperationState string

const (
	InProgress OperationState = "in progress"
	Succeeded  OperationState = "succeeded"
	OpFailed   OperationState = "failed"
)

// Event is one entry of an instance's history. Billing rests on the events that
// change State or Plan; they are appended in the same write as the change itself
// and never altered.
type Event struct {
	Seq     int            `json:"seq"` // from 1, without gaps
	At      time.Time      `json:"at"`  // UTC
	State   State          `json:"state"`
	Plan    catalog.PlanID `json:"plan"`
	Health  HealthStatus   `json:"health,omitempty"`  // from then on, until the next event
	Members int            `json:"members,omitempty"` // appliances that there are to be from then on, when it is more than one
	Standby int            `json:"standby,omitempty"` // of these, those that stand by and answer
	Bound   int            `json:"bound,omitempty"`   // active bindings from then on
	Message string         `json:"message"`           // one sentence, no secrets
	Binding BindingID      `json:"binding,omitempty"` // when the event is about a binding
	By      string         `json:"by,omitempty"`      // platform or user who asked
	For     string         `json:"for,omitempty"`     // on whose behalf, as the platform says
	Request string         `json:"request,omitempty"` // the request's id
	Reason  string         `json:"reason,omitempty"`  // why, in the words of who asked

	// What all appliances have from then on: see Size.
	VCPUs       int   `json:"vcpus,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`

	// Whose instance it was, and of which service: an id may be used again, by
	// another tenant too, and what was used before stays the former's.
	Tenant   topology.TenantID `json:"tenant,omitempty"`
	Platform string            `json:"platform,omitempty"`
	Service  catalog.ServiceID `json:"service,omitempty"`
	Bill     Payer             `json:"bill,omitempty"`   // who pays; empty: the tenant
	Region   string            `json:"region,omitempty"` // as an instance's
}

// Binding gives a tenant's application access to an instance and may stitch a
// further network into it.
type Binding struct {
	ID         BindingID        `json:"id"`
	Digest     string           `json:"digest"`
	Parameters json.RawMessage  `json:"parameters,omitempty"`
	Stitch     *topology.Stitch `json:"stitch,omitempty"`   // the network it stitches, if any
	Account    *Account         `json:"account,omitempty"`  // its own login, if the appliance can have several
	State      State            `json:"state"`              // as an instance's
	InPlace    bool             `json:"in_place,omitempty"` // as an instance's, of stitch and account
	Operation  Operation        `json:"operation"`
}
