package catalog

import (
	"encoding/json"
	"time"

	"github.com/bumpwire/bumpwire/ovf"
)

// Identifiers. Service and plan ids are UUIDs derived from vendor, package name
// and configuration id, so they stay the same over every re-upload. A package id
// reads vendor/name@version.
type (
	ServiceID string
	PlanID    string
	PackageID string
)

// State is where a service is in its life.
type State string

const (
	Draft      State = "draft"      // made by a push; not in the OSB catalog
	Published  State = "published"  // in the OSB catalog
	Deprecated State = "deprecated" // in the catalog, marked; vendors advise against new instances
	Retired    State = "retired"    // out of the catalog; existing instances live on
)

// Service is one OSB catalog entry made out of a package.
type Service struct {
	ID              ServiceID `json:"id"`
	Vendor          string    `json:"vendor"`
	Name            string    `json:"name"` // unique in the catalog; CLI-friendly: letters, digits, dots, hyphens
	DisplayName     string    `json:"display_name"`
	Description     string    `json:"description"`
	LongDescription string    `json:"long_description,omitempty"`
	ProviderName    string    `json:"provider_name,omitempty"`
	ProductURL      string    `json:"product_url,omitempty"` // http or https, as the next
	VendorURL       string    `json:"vendor_url,omitempty"`
	Icon            string    `json:"icon,omitempty"` // a data URL of a PNG image
	Tags            []string  `json:"tags,omitempty"`
	State           State     `json:"state"`
	Package         PackageID `json:"package"` // the version that new instances get
	Plans           []Plan    `json:"plans"`

	// Candidate is a newer version, pushed since, which takes Package's place when the
	// service is published again. Former are plans that Package has no more: they are
	// not offered, and their prices stay for the instances that have them.
	Candidate PackageID `json:"candidate,omitempty"`
	Former    []Plan    `json:"former,omitempty"`
	// Corrections are what the vendor has said when publishing; they go before what
	// the package says, in later versions too.
	Corrections *Insertion `json:"corrections,omitempty"`

	// Insertion is how instances are inserted; what it still misses keeps a draft
	// from being published, and Missing says each in a sentence.
	Insertion Insertion `json:"insertion"`
	Missing   []string  `json:"missing,omitempty"`

	Structure Structure `json:"structure,omitzero"`

	// EULAs are what a tenant accepts before it provisions; see EULA.
	EULAs []EULA `json:"eulas,omitempty"`

	Contracts bool      `json:"contracts,omitempty"` // some tenants have prices of their own; see Contract
	Changed   time.Time `json:"changed"`
}

// Plan is one deployment configuration with its prices.
type Plan struct {
	ID            PlanID          `json:"id"`
	Name          string          `json:"name"` // unique in the service
	Configuration string          `json:"configuration"`
	DisplayName   string          `json:"display_name"`
	Description   string          `json:"description"`
	VCPUs         int             `json:"vcpus"`
	MemoryBytes   int64           `json:"memory_bytes"` // both of all systems, each counted once
	Systems       []System        `json:"systems"`
	Default       bool            `json:"default,omitempty"`
	Prices        []Price         `json:"prices,omitempty"`
	Schema        json.RawMessage `json:"schema"` // draft-04, of the provision parameters, Insertion's keys included
}

// Insertion is what provisioning must know of a service beyond plain OVF.
type Insertion struct {
	Type      string   `json:"type,omitempty"`    // firewall, load-balancer, …
	Topology  string   `json:"topology"`          // single, symmetric
	Modes     []string `json:"modes"`             // in-path, redirect
	ManagedBy []string `json:"managed_by"`        // tenant, provider
	Zones     string   `json:"zones"`             // bridged, isolated
	Failure   string   `json:"failure,omitempty"` // closed, open
	HA        []string `json:"ha,omitempty"`      // none, respin, …
	Legs      []Leg    `json:"legs"`              // one per NIC, in the package's order
	Probe     string   `json:"probe,omitempty"`   // arp, none

	// Sides are those of a symmetric service, at least two; none of a single one.
	Sides []Side `json:"sides,omitempty"`

	Health     *Endpoint   `json:"health,omitempty"`
	Management *Management `json:"management,omitempty"`
}

// Leg is a NIC's role.
type Leg struct {
	NIC      string `json:"nic"`                // ElementName
	Network  string `json:"network"`            // in the package's NetworkSection
	Model    string `json:"model,omitempty"`    // first usable ResourceSubType: virtio, e1000, …
	Role     string `json:"role"`               // inside, outside, management, ha
	Pair     int    `json:"pair,omitempty"`     // of inside and outside legs, from 1
	Inferred bool   `json:"inferred,omitempty"` // guessed from names, not stated
}

// Endpoint is where an appliance answers on its management leg.
type Endpoint struct {
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	Path     string `json:"path,omitempty"`
}

// Management is what a binding hands out.
type Management struct {
	Endpoint
	User             string `json:"user,omitempty"`
	PasswordProperty string `json:"password_property,omitempty"` // full property id
	Accounts         string `json:"accounts,omitempty"`          // path on which further logins are made and removed, with {user}
}

// Rotatable says whether the appliance can have several logins at a time, so that
// each binding gets one of its own and can be replaced by another.
func (in Insertion) Rotatable() bool { return in.Management != nil && in.Management.Accounts != "" }

// Package is a stored package, immutable.
type Package struct {
	ID           PackageID        `json:"id"`
	Vendor       string           `json:"vendor"`
	Name         string           `json:"name"`
	Version      string           `json:"version"`
	Digest       string           `json:"digest"`     // sha256: of the descriptor and all files' digests
	Descriptor   string           `json:"descriptor"` // name of the .ovf among Files
	Files        []File           `json:"files"`
	Images       []Image          `json:"images,omitempty"` // that Files hold in pieces or compressed
	Verification ovf.Verification `json:"verification"`
	Findings     ovf.Findings     `json:"findings,omitempty"` // warnings only
	EULAs        []EULA           `json:"eulas,omitempty"`
	Icon         string           `json:"icon,omitempty"` // a data URL of a PNG image
	Pushed       time.Time        `json:"pushed"`
}

// File is one member of a package as stored.
type File struct {
	Name    string `json:"name"`                    // as the package spells it; never a path of ours
	Digest  string `json:"digest"`                  // sha256:…; also its name in the store
	Size    int64  `json:"size"`                    // bytes
	Format  string `json:"format,omitempty"`        // of disk images: vmdk, qcow2, raw, iso, …
	Virtual int64  `json:"virtual_bytes,omitempty"` // of the disk that a disk image makes
}
