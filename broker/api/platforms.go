package api

import (
	"context"
	"time"
)

// Platform is an OSB client system.
type Platform struct {
	Name    string    `json:"name"` // also its user name: letters, digits, dots, hyphens
	Created time.Time `json:"created"`
	Rotated time.Time `json:"rotated,omitzero"` // when it got its latest password
	PlatformRules
}

// NewPlatform asks for a platform.
type NewPlatform struct {
	Name string `json:"name"`
	PlatformRules
}

// PlatformRules are whose instances a platform makes, what it sees, what it may
// have and how it wants to be answered. The zero value restricts nothing.
type PlatformRules struct {
	// Tenant owns all its instances, whatever their context says. Without one, the
	// tenant is read out of the context: its property TenantKey, or where that is
	// empty organization_guid of Cloud Foundry, namespace of Kubernetes, and
	// organization_guid of the request otherwise. TenantMap says which tenant each
	// value means, and then refuses all others; else TenantPrefix is put before it,
	// which keeps the tenants of two platforms apart.
	Tenant       string            `json:"tenant,omitempty"`
	TenantKey    string            `json:"tenant_key,omitempty"`
	TenantPrefix string            `json:"tenant_prefix,omitempty"`
	TenantMap    map[string]string `json:"tenant_map,omitempty"`

	// Services are what its catalog shows and new instances may be made of, each
	// SERVICE or SERVICE/PLAN by name or id; empty: everything on offer.
	Services []string `json:"services,omitempty"`

	Quota       Quota   `json:"quota,omitzero"`        // of all its instances together
	TenantQuota Quota   `json:"tenant_quota,omitzero"` // of each of its tenants
	Dialect     Dialect `json:"dialect,omitzero"`
}

// Quota is the most that may be there at a time. Zero: no limit.
type Quota struct {
	Instances   int   `json:"instances,omitempty"`
	VCPUs       int   `json:"vcpus,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
}

// Dialect is how a platform wants to be answered where the standard's text and
// platforms disagree.
type Dialect struct {
	MissingVersionStatus int  `json:"missing_version_status,omitempty"` // 412 or 400; 0: as the broker is configured
	GoneAfterDelete      bool `json:"gone_after_delete,omitempty"`      // last_operation of what was removed is 410, not 200 succeeded
	UnbindFirst          bool `json:"unbind_first,omitempty"`           // an instance with bindings is not deleted but refused with 400
	WithoutSchemas       bool `json:"without_schemas,omitempty"`        // the catalog leaves the plans' schemas out
}

// Platforms lists the platforms.
func (c *Client) Platforms(ctx context.Context) ([]Platform, error) {
	return list[Platform](ctx, c, nil, "platforms")
}

// Platform reads one platform.
func (c *Client) Platform(ctx context.Context, name string) (p Platform, err error) {
	return p, c.get(ctx, nil, &p, "platforms", name)
}

// AddPlatform makes a platform with a new password.
func (c *Client) AddPlatform(ctx context.Context, p NewPlatform) (s Secret, err error) {
	return s, c.call(ctx, "POST", nil, p, &s, "platforms")
}

// SetPlatformRules replaces a platform's rules. What it has already stays, also
// beyond a smaller quota.
func (c *Client) SetPlatformRules(ctx context.Context, name string, r PlatformRules) (p Platform, err error) {
	return p, c.call(ctx, "PUT", nil, r, &p, "platforms", name, "rules")
}

// RotatePlatform gives a platform a new password. The one before stays valid
// until the next rotation, so that platform and broker need not change at once.
func (c *Client) RotatePlatform(ctx context.Context, name string) (s Secret, err error) {
	return s, c.call(ctx, "POST", nil, nil, &s, "platforms", name, "rotate")
}

// RemovePlatform makes a platform's credentials invalid; its instances stay.
func (c *Client) RemovePlatform(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", nil, nil, nil, "platforms", name)
}
