package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
)

// identityConfig says who else may sign in than the broker's own users.
type identityConfig struct {
	Keystone bool   `yaml:"keystone"` // take tokens of OpenStack's Keystone (X-Auth-Token) at the management API
	Cloud    string `yaml:"cloud"`    // of clouds.yaml, with the account that looks tokens up; empty: as OS_CLOUD or the other OS_ variables say
	File     string `yaml:"file"`     // a clouds.yaml elsewhere than where OpenStack's tools look for it
	CA       string `yaml:"ca"`       // a PEM file of certificates to be trusted beside the system's

	// Roles in Keystone that make an operator, a vendor's and a tenant's user; with commas.
	OperatorRoles string `yaml:"operator_roles"`
	VendorRoles   string `yaml:"vendor_roles"`
	TenantRoles   string `yaml:"tenant_roles"`
}

// tokens is Keystone; nil when nobody may sign in with it.
func (c identityConfig) tokens() broker.Tokens {
	if !c.Keystone {
		return nil
	}
	return &keystone{options: openstack.Options{Cloud: c.Cloud, File: c.File, CA: c.CA}}
}

func (c identityConfig) roles() broker.TokenRoles {
	return broker.TokenRoles{Operator: listed(c.OperatorRoles), Vendor: listed(c.VendorRoles), Tenant: listed(c.TenantRoles)}
}

// listed are those of a list with commas.
func listed(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// keystone signs in when it is first asked: a broker starts, and its own users may
// use it, while Keystone is away.
type keystone struct {
	options openstack.Options
	mu      sync.Mutex // guards all below
	opened  *openstack.Identity
}

// Whose implements broker.Tokens. A tenant is a project's id. A vendor is a project's
// name, in the domain of the account's project alone: names elsewhere may be the same.
func (k *keystone) Whose(ctx context.Context, token string) (broker.Subject, error) {
	i, err := k.identity(ctx)
	if err != nil {
		return broker.Subject{}, err
	}
	t, err := i.Whose(ctx, token)
	if err != nil {
		return broker.Subject{}, err
	}
	s := broker.Subject{Name: fmt.Sprintf("%s@%s", t.User, t.UserDomain), Tenant: t.Project, Roles: t.Roles}
	if t.Project != "" {
		s.Name += fmt.Sprintf(" for %s", t.Project)
	}
	if t.ProjectDomain == i.Domain {
		s.Vendor = t.ProjectName
	}
	return s, nil
}

func (k *keystone) identity(ctx context.Context) (i *openstack.Identity, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.opened == nil {
		k.opened, err = openstack.OpenIdentity(ctx, k.options)
	}
	return k.opened, err
}
