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

// User is somebody who uses the management API, the CLI or the console.
type User struct {
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Vendor  string    `json:"vendor,omitempty"` // of a vendor's user
	Tenant  string    `json:"tenant,omitempty"` // of a tenant's user
	Created time.Time `json:"created"`
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
