package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
)

func (s *Server) listPlatforms(ctx context.Context, _ *call) (api.List[api.Platform], error) {
	l := api.List[api.Platform]{Items: []api.Platform{}}
	for a, err := range s.Accounts.platforms.All(ctx, "", "") {
		if err != nil {
			return l, err
		}
		l.Items = append(l.Items, api.Platform{Name: a.Name, Tenant: a.Tenant, Created: a.Created, Rotated: a.Rotated})
	}
	return l, nil
}

func (s *Server) addPlatform(ctx context.Context, _ *call, n api.NewPlatform) (api.Secret, error) {
	if n.Tenant != "" {
		if _, err := checkTenant(n.Tenant); err != nil {
			return api.Secret{}, err
		}
	}
	password, err := s.Accounts.add(ctx, platformKind, account{Name: n.Name, Tenant: n.Tenant})
	return api.Secret{Name: n.Name, Password: password}, err
}

func (s *Server) rotatePlatform(ctx context.Context, c *call) (api.Secret, error) {
	name := c.vars["platform"]
	password, err := s.Accounts.rotate(ctx, platformKind, name)
	return api.Secret{Name: name, Password: password}, err
}

func (s *Server) removePlatform(ctx context.Context, c *call) (nothing, error) {
	return nothing{}, s.Accounts.remove(ctx, platformKind, c.vars["platform"])
}
