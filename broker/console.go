package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/broker/console"
)

const latestChanges = 20

// showConsole fills the page with what the API would show the same caller.
func (s *Server) showConsole(ctx context.Context, c *call) (content, error) {
	p := console.Page{User: c.who.name, Version: s.Version, Cloud: s.Cloud.Name()}
	services, err := s.listServices(ctx, c)
	if err != nil {
		return content{}, err
	}
	p.Services = services.Items
	if c.who.role != api.Vendor {
		if err := s.fillTenants(ctx, c, &p); err != nil {
			return content{}, err
		}
	}
	body, err := console.Render(p)
	c.w.Header().Set("Content-Security-Policy", console.Policy)
	return content{"text/html; charset=utf-8", body}, err
}

func (s *Server) fillTenants(ctx context.Context, c *call, p *console.Page) error {
	instances, err := s.listInstances(ctx, c)
	if err != nil {
		return err
	}
	p.Instances = instances.Items
	for _, i := range p.Instances {
		p.Tenants = append(p.Tenants, i.Tenant)
	}
	slices.Sort(p.Tenants)
	p.Tenants = slices.Compact(p.Tenants)
	changes, err := s.listChanges(ctx, c)
	if err != nil {
		return err
	}
	p.Changes = changes.Items[:min(latestChanges, len(changes.Items))]
	return nil
}
