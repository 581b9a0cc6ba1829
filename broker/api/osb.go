package api

import "encoding/json"

// Version is the version of the Open Service Broker API spoken here.
const Version = "2.17"

// Headers of the OSB API.
const (
	HeaderVersion             = "X-Broker-API-Version"
	HeaderOriginatingIdentity = "X-Broker-API-Originating-Identity"
	HeaderRequestIdentity     = "X-Broker-API-Request-Identity"
)

// Catalog answers GET /v2/catalog (spec.md, "Catalog Management").
type Catalog struct {
	Services []CatalogService `json:"services"`
}

// CatalogService is a Service Offering Object.
type CatalogService struct {
	Name                 string           `json:"name"`
	ID                   string           `json:"id"`
	Description          string           `json:"description"`
	Tags                 []string         `json:"tags,omitempty"`
	Bindable             bool             `json:"bindable"`
	InstancesRetrievable bool             `json:"instances_retrievable"`
	BindingsRetrievable  bool             `json:"bindings_retrievable"`
	AllowContextUpdates  bool             `json:"allow_context_updates"`
	PlanUpdateable       bool             `json:"plan_updateable"` // misspelled in the standard
	Metadata             *ServiceMetadata `json:"metadata,omitempty"`
	Plans                []CatalogPlan    `json:"plans"`
}

// ServiceMetadata are the conventional keys of profile.md, "Service Metadata".
type ServiceMetadata struct {
	DisplayName         string `json:"displayName,omitempty"`
	LongDescription     string `json:"longDescription,omitempty"`
	ProviderDisplayName string `json:"providerDisplayName,omitempty"`
	ImageURL            string `json:"imageUrl,omitempty"` // a data URL
	DocumentationURL    string `json:"documentationUrl,omitempty"`
	SupportURL          string `json:"supportUrl,omitempty"`
	Shareable           bool   `json:"shareable"`

	// Our own keys.
	Networks []ServiceNetwork `json:"networks,omitempty"` // that the service wants
	EULAs    []ServiceEULA    `json:"eulas,omitempty"`
}

// ServiceNetwork is a network that a service wants.
type ServiceNetwork struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// ServiceEULA is a licence to accept with the provision parameter accept_eulas.
type ServiceEULA struct {
	Digest string `json:"digest"` // sha256:…, of the text at /v1/eulas/DIGEST
	Title  string `json:"title"`
}

// CatalogPlan is a Service Plan Object.
type CatalogPlan struct {
	ID                     string           `json:"id"`
	Name                   string           `json:"name"`
	Description            string           `json:"description"`
	Metadata               *PlanMetadata    `json:"metadata,omitempty"`
	Free                   bool             `json:"free"` // absent would mean true
	Bindable               bool             `json:"bindable"`
	BindingRotatable       bool             `json:"binding_rotatable"`
	Schemas                *Schemas         `json:"schemas,omitempty"`
	MaximumPollingDuration int              `json:"maximum_polling_duration,omitempty"` // seconds
	MaintenanceInfo        *MaintenanceInfo `json:"maintenance_info,omitempty"`
}

// PlanMetadata are the conventional keys of profile.md, "Plan Metadata".
type PlanMetadata struct {
	DisplayName string   `json:"displayName,omitempty"`
	Bullets     []string `json:"bullets,omitempty"`
	Costs       []Cost   `json:"costs,omitempty"`

	Systems []PlanSystem `json:"systems,omitempty"` // our own key
}

// PlanSystem is one virtual machine of a plan. Limits are how far the package
// allows its quantities to go from the plan's.
type PlanSystem struct {
	Name         string     `json:"name"`
	VCPUs        int        `json:"vcpus"`
	VCPULimits   PlanLimits `json:"vcpu_limits,omitzero"`
	MemoryBytes  int64      `json:"memory_bytes"`
	MemoryLimits PlanLimits `json:"memory_limits,omitzero"` // bytes
	DiskBytes    int64      `json:"disk_bytes,omitempty"`
	Networks     []string   `json:"networks"` // of the network interfaces, in their order
	Firmware     string     `json:"firmware,omitempty"`
	SecureBoot   bool       `json:"secure_boot,omitempty"`
}

// PlanLimits are inclusive; a zero side is not limited.
type PlanLimits struct {
	Min int64 `json:"min,omitempty"`
	Max int64 `json:"max,omitempty"`
}

// Cost is one price of a plan: an amount per currency code in lower case, and
// the unit that the amount buys.
type Cost struct {
	Amount map[string]json.Number `json:"amount"`
	Unit   string                 `json:"unit"`
}

// Schemas are the JSON schemas of parameters, each draft-04 because that is the
// one that every platform reads.
type Schemas struct {
	ServiceInstance *InstanceSchemas `json:"service_instance,omitempty"`
	ServiceBinding  *BindingSchemas  `json:"service_binding,omitempty"`
}

// InstanceSchemas are those of an instance.
type InstanceSchemas struct {
	Create *Schema `json:"create,omitempty"`
	Update *Schema `json:"update,omitempty"`
}

// BindingSchemas are those of a binding.
type BindingSchemas struct {
	Create *Schema `json:"create,omitempty"`
}

// Schema is an Input Parameters Schema Object.
type Schema struct {
	Parameters json.RawMessage `json:"parameters"`
}

// MaintenanceInfo is a Maintenance Info Object: the version that a plan has, that
// an instance has, or that a platform believes a plan has.
type MaintenanceInfo struct {
	Version string `json:"version"`
}

// OSBProvision is the body of PUT /v2/service_instances/:instance_id.
type OSBProvision struct {
	ServiceID        string           `json:"service_id"`
	PlanID           string           `json:"plan_id"`
	OrganizationGUID string           `json:"organization_guid"`
	SpaceGUID        string           `json:"space_guid"`
	Context          json.RawMessage  `json:"context,omitempty"`
	Parameters       json.RawMessage  `json:"parameters,omitempty"`
	MaintenanceInfo  *MaintenanceInfo `json:"maintenance_info,omitempty"`
}

// OSBUpdate is the body of PATCH /v2/service_instances/:instance_id.
type OSBUpdate struct {
	ServiceID       string           `json:"service_id"`
	PlanID          string           `json:"plan_id,omitempty"`
	Context         json.RawMessage  `json:"context,omitempty"`
	Parameters      json.RawMessage  `json:"parameters,omitempty"`
	MaintenanceInfo *MaintenanceInfo `json:"maintenance_info,omitempty"`
}

// OSBAccepted answers provision, update, unbind and deprovision. Operation is
// there only in a 202.
type OSBAccepted struct {
	Operation string `json:"operation,omitempty"`
}

// OSBInstance answers GET /v2/service_instances/:instance_id. Parameters leaves
// out those of password properties.
type OSBInstance struct {
	ServiceID       string           `json:"service_id"`
	PlanID          string           `json:"plan_id"`
	Parameters      map[string]any   `json:"parameters,omitempty"`
	MaintenanceInfo *MaintenanceInfo `json:"maintenance_info,omitempty"`
}

// The states of a LastOperation.
const (
	InProgress = "in progress"
	Succeeded  = "succeeded"
	Failed     = "failed"
)

// LastOperation answers both last_operation endpoints.
type LastOperation struct {
	State            string `json:"state"`
	Description      string `json:"description,omitempty"`
	InstanceUsable   *bool  `json:"instance_usable,omitempty"` // only after a failed update or deprovision
	UpdateRepeatable *bool  `json:"update_repeatable,omitempty"`
}

// Done says whether nothing more will happen.
func (o LastOperation) Done() bool { return o.State == Succeeded || o.State == Failed }

// OSBBind is the body of PUT …/service_bindings/:binding_id. A rotation needs only
// the predecessor.
type OSBBind struct {
	ServiceID            string          `json:"service_id,omitempty"`
	PlanID               string          `json:"plan_id,omitempty"`
	AppGUID              string          `json:"app_guid,omitempty"` // deprecated by bind_resource
	BindResource         json.RawMessage `json:"bind_resource,omitempty"`
	Context              json.RawMessage `json:"context,omitempty"`
	Parameters           json.RawMessage `json:"parameters,omitempty"`
	PredecessorBindingID string          `json:"predecessor_binding_id,omitempty"`
}

// OSBBinding answers bind and GET of a binding. In a 202 it holds the operation
// and nothing else.
type OSBBinding struct {
	Operation   string          `json:"operation,omitempty"`
	Credentials *Credentials    `json:"credentials,omitempty"`
	Endpoints   []Endpoint      `json:"endpoints,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`

	Metadata *BindingMetadata `json:"metadata,omitempty"`
}

// BindingMetadata is a Service Binding Metadata Object. Times are UTC, spelled
// yyyy-mm-ddThh:mm:ss.sZ.
type BindingMetadata struct {
	ExpiresAt   string `json:"expires_at,omitempty"`
	RenewBefore string `json:"renew_before,omitempty"`
}

// Credentials give access to an appliance's management side.
type Credentials struct {
	URI      string `json:"uri,omitempty"` // without user and password
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// Endpoint is an Endpoint Object; its ports are strings.
type Endpoint struct {
	Host     string   `json:"host"`
	Ports    []string `json:"ports"`
	Protocol string   `json:"protocol,omitempty"`
}

// OSBError is the body of every refusal under /v2/. Error is a word of the
// standard or empty.
type OSBError struct {
	Error            string `json:"error,omitempty"`
	Description      string `json:"description,omitempty"`
	InstanceUsable   *bool  `json:"instance_usable,omitempty"`   // only of a failed update or deprovision
	UpdateRepeatable *bool  `json:"update_repeatable,omitempty"` // only of a failed update
}

// The words of OSBError.Error.
const (
	AsyncRequired           = "AsyncRequired"
	ConcurrencyError        = "ConcurrencyError"
	RequiresApp             = "RequiresApp"
	MaintenanceInfoConflict = "MaintenanceInfoConflict"
)
