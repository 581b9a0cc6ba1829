package broker

import (
	"context"
	"net/http"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// tokenHeader is where OpenStack's clients put a token of Keystone.
const tokenHeader = "X-Auth-Token"

// Tokens tells whose a token of another identity service is. fault.Unauthorized when it is
// not valid.
type Tokens interface {
	Whose(ctx context.Context, token string) (Subject, error)
}

// Subject is whose a token is.
type Subject struct {
	Name   string // of the user and where it is from, for the audit trail
	Tenant string // for which the token is; empty: for none
	Vendor string // that this tenant is, if it is a vendor; empty: it is none
	Roles  []string
}

// TokenRoles are the roles of tokens that make an operator, a vendor's or a tenant's user;
// who has several is the first of these.
type TokenRoles struct{ Operator, Vendor, Tenant []string }

// caller is what the roles of a subject make of it.
func (t TokenRoles) caller(s Subject) (caller, error) {
	has := func(roles []string) bool {
		return slices.ContainsFunc(s.Roles, func(r string) bool { return slices.Contains(roles, r) })
	}
	c := caller{name: "keystone:" + s.Name, known: true}
	switch {
	case has(t.Operator):
		c.role = api.Operator
	case has(t.Vendor) && s.Vendor != "":
		c.role, c.vendor = api.Vendor, s.Vendor
	case has(t.Tenant) && s.Tenant != "":
		c.role, c.tenant = api.Tenant, s.Tenant
	case s.Tenant == "":
		return c, fault.New(fault.Forbidden, "the token is for no project: ask Keystone for one with --os-project-name")
	default:
		return c, fault.New(fault.Forbidden, "the token has no role in its project that may use this broker")
	}
	return c, nil
}

// bearer is who shows a token; ok is false when the request has none.
func (s *Server) bearer(ctx context.Context, r *http.Request) (c caller, ok bool, err error) {
	tokens := r.Header.Values(tokenHeader)
	switch {
	case len(tokens) == 0:
		return c, false, nil
	case s.Tokens == nil:
		return c, true, fault.New(fault.Unauthorized, "this broker takes no tokens of Keystone")
	case len(tokens) > 1 || r.Header.Get("Authorization") != "":
		return c, true, fault.New(fault.Invalid, "a request has one token, and no other credentials beside it")
	}
	subject, err := s.Tokens.Whose(ctx, tokens[0])
	if err != nil {
		return c, true, err
	}
	c, err = s.TokenRoles.caller(subject)
	return c, true, err
}
