package broker

import (
	"context"
	"net/http"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// access says who may use a row. What of it a caller may see is the handler's
// matter: another vendor's or tenant's things are not found.
type access string

const (
	anyone    access = "anyone"
	platforms access = "platforms"          // OSB clients
	signers   access = "appliances"         // that sign their requests, see checkSignature
	operators access = "operators"          //
	vendors   access = "operators, vendors" //
	tenants   access = "operators, tenants" //
	users     access = "operators, vendors, tenants"
)

// caller is who asks.
type caller struct {
	name   string
	role   api.Role // empty: a platform, or nobody
	vendor string
	tenant string
	rules  rules // of a platform
	known  bool
}

// String is the caller for the audit line.
func (c caller) String() string {
	switch {
	case !c.known:
		return "nobody"
	case c.role == "":
		return "platform/" + c.name
	}
	return c.by()
}

// by is the user as provision records who asked; no platform can have this name.
func (c caller) by() string { return string(c.role) + "/" + c.name }

// tenantOnly is the tenant that the caller is bound to; empty for operators.
func (c caller) tenantOnly() string {
	if c.role == api.Tenant {
		return c.tenant
	}
	return ""
}

// vendorOnly is the vendor that the caller is bound to; empty for operators.
func (c caller) vendorOnly() string {
	if c.role == api.Vendor {
		return c.vendor
	}
	return ""
}

// sees says whether a thing of that tenant exists for the caller.
func (c caller) sees(tenant string) bool {
	return c.role == api.Operator || c.role == api.Tenant && c.tenant == tenant
}

// sells says whether a thing of that vendor exists for the caller.
func (c caller) sells(vendor string) bool {
	return c.role == api.Operator || c.role == api.Vendor && c.vendor == vendor
}

// identify finds out who asks and whether they may use rows of this kind.
func (s *Server) identify(ctx context.Context, r *http.Request, who access) (caller, error) {
	if who == anyone || who == "" || who == signers {
		return caller{}, nil
	}
	c, err := s.account(ctx, r, who)
	if err != nil {
		return caller{}, err
	}
	if !who.allows(c.role) {
		return c, fault.New(fault.Forbidden, "this is for %s", who)
	}
	return c, nil
}

// account is who a request's credentials belong to.
func (s *Server) account(ctx context.Context, r *http.Request, who access) (caller, error) {
	kind := platformKind
	if who != platforms {
		kind = userKind
		if c, ok, err := s.bearer(ctx, r); ok {
			return c, err
		}
	}
	name, password, ok := credentials(r)
	if !ok {
		return caller{}, fault.New(fault.Unauthorized, "credentials are needed here")
	}
	a, err := s.Accounts.check(ctx, kind, name, password)
	if err != nil {
		return caller{}, err
	}
	return caller{name: a.Name, role: a.Role, vendor: a.Vendor, tenant: a.Tenant, rules: a.Rules, known: true}, nil
}

func (a access) allows(role api.Role) bool {
	switch a {
	case platforms:
		return role == ""
	case operators:
		return role == api.Operator
	case vendors:
		return role == api.Operator || role == api.Vendor
	case tenants:
		return role == api.Operator || role == api.Tenant
	case users:
		return role != ""
	}
	return a == anyone
}

// credentials are Basic, or a token of ours as Bearer.
func credentials(r *http.Request) (name, password string, ok bool) {
	if token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); bearer {
		return api.ParseToken(token)
	}
	return r.BasicAuth()
}
