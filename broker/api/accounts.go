package api

import (
	"context"
	"time"
)

// Role is what a user may do.
type Role string

// The roles. An operator may do everything; a vendor sees and changes its own
// packages and services; a tenant sees and changes its own instances and
// networks and reads its own bills.
const (
	Operator Role = "operator"
	Vendor   Role = "vendor"
	Tenant   Role = "tenant"
)

// Platform is an OSB client system.
type Platform struct {
	Name    string    `json:"name"`             // also its user name: letters, digits, dots, hyphens
	Tenant  string    `json:"tenant,omitempty"` // set: all its instances belong to this tenant, whatever their context says
	Created time.Time `json:"created"`
	Rotated time.Time `json:"rotated,omitzero"`
}

// User is somebody who uses the management API, the CLI or the console.
type User struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Vendor  string    `json:"vendor,omitempty"` // of a vendor's user
	Tenant  string    `json:"tenant,omitempty"` // of a tenant's user
	Created time.Time `json:"created"`
}

// NewPlatform asks for a platform.
type NewPlatform struct {
	Name   string `json:"name"`
	Tenant string `json:"tenant,omitempty"`
}

// NewUser asks for a user.
type NewUser struct {
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	Vendor string `json:"vendor,omitempty"`
	Tenant string `json:"tenant,omitempty"`
}

// Secret is a password at the only moment it can be seen.
type Secret struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Token    string `json:"token,omitempty"` // of users
}

// Platforms lists the platforms.
func (c *Client) Platforms(ctx context.Context) ([]Platform, error) {
	return list[Platform](ctx, c, nil, "platforms")
}

// AddPlatform makes a platform with a new password.
func (c *Client) AddPlatform(ctx context.Context, p NewPlatform) (s Secret, err error) {
	return s, c.call(ctx, "POST", nil, p, &s, "platforms")
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

// Users lists the users.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	return list[User](ctx, c, nil, "users")
}

// AddUser makes a user with a new password.
func (c *Client) AddUser(ctx context.Context, u NewUser) (s Secret, err error) {
	return s, c.call(ctx, "POST", nil, u, &s, "users")
}

// RemoveUser makes a user's credentials invalid.
func (c *Client) RemoveUser(ctx context.Context, name string) error {
	return c.call(ctx, "DELETE", nil, nil, nil, "users", name)
}
