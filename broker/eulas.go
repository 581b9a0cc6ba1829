package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// listEULAs are the licences of the version that new instances get, with what the
// tenant has accepted.
func (s *Server) listEULAs(ctx context.Context, c *call) (api.List[api.EULA], error) {
	l := api.List[api.EULA]{Items: []api.EULA{}}
	service, err := s.showService(ctx, c)
	if err != nil {
		return l, err
	}
	var tenant topology.TenantID
	var accepted []provision.Acceptance
	if c.query.Get("tenant") != "" || c.who.role == api.Tenant {
		if tenant, err = c.onBehalf(c.query.Get("tenant")); err != nil {
			return l, err
		}
		if accepted, err = s.Provision.Acceptances(ctx, tenant); err != nil {
			return l, err
		}
	}
	for _, e := range service.EULAs {
		out := api.EULA{Digest: e.Digest, Title: e.Title}
		if n := slices.IndexFunc(accepted, func(a provision.Acceptance) bool { return a.Digest == e.Digest }); n >= 0 {
			out.Accepted = &acceptancesOf(tenant, accepted[n:]).Items[0]
		}
		l.Items = append(l.Items, out)
	}
	return l, nil
}

// showEULA is a licence as plain text. Whoever knows its digest may read it: people
// who order through a platform have no account here.
func (s *Server) showEULA(ctx context.Context, c *call) (content, error) {
	text, err := s.Catalog.EULAText(ctx, c.vars["eula"])
	if err != nil {
		return content{}, err
	}
	h := c.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cache-Control", "public, max-age=31536000, immutable") // the digest is of the text
	return content{"text/plain; charset=utf-8", []byte(text)}, nil
}

func (s *Server) listAcceptances(ctx context.Context, c *call) (api.List[api.Acceptance], error) {
	tenant, err := c.onBehalf(c.query.Get("tenant"))
	if err != nil {
		return api.List[api.Acceptance]{}, err
	}
	accepted, err := s.Provision.Acceptances(ctx, tenant)
	return acceptancesOf(tenant, accepted), err
}

func (s *Server) acceptEULAs(ctx context.Context, c *call, n api.NewAcceptance) (api.List[api.Acceptance], error) {
	tenant, err := c.onBehalf(n.Tenant)
	if err != nil {
		return api.List[api.Acceptance]{}, err
	}
	if len(n.Digests) == 0 {
		return api.List[api.Acceptance]{}, fault.New(fault.Invalid, "digests is required and must not be empty")
	}
	accepted, err := s.Provision.Accept(ctx, tenant, c.who.by(), n.Digests)
	return acceptancesOf(tenant, accepted), err
}

// onBehalf is the tenant that the caller names, or its own. Another one does not
// exist for a tenant's user.
func (c *call) onBehalf(tenant string) (topology.TenantID, error) {
	if own := c.who.tenantOnly(); own != "" && tenant == "" {
		tenant = own
	}
	if tenant != "" && !c.who.sees(tenant) {
		return "", fault.New(fault.NotFound, "there is no tenant %q", tenant)
	}
	return checkTenant(tenant)
}

func acceptancesOf(tenant topology.TenantID, accepted []provision.Acceptance) api.List[api.Acceptance] {
	l := api.List[api.Acceptance]{Items: []api.Acceptance{}}
	for _, a := range accepted {
		l.Items = append(l.Items, api.Acceptance{Tenant: string(tenant), Digest: a.Digest, By: a.By, At: a.At})
	}
	return l
}
