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
		l.Items = append(l.Items, platformOf(a))
	}
	return l, nil
}

func (s *Server) showPlatform(ctx context.Context, c *call) (api.Platform, error) {
	name := c.vars["platform"]
	a, err := s.Accounts.platforms.Get(ctx, name)
	return platformOf(a), absent(err, platformKind, name)
}

func (s *Server) addPlatform(ctx context.Context, _ *call, n api.NewPlatform) (api.Secret, error) {
	if err := checkRules(n.PlatformRules); err != nil {
		return api.Secret{}, err
	}
	password, err := s.Accounts.add(ctx, platformKind, account{Name: n.Name, Rules: rules(n.PlatformRules)})
	return api.Secret{Name: n.Name, Password: password}, err
}

func (s *Server) setPlatformRules(ctx context.Context, c *call, r api.PlatformRules) (api.Platform, error) {
	if err := checkRules(r); err != nil {
		return api.Platform{}, err
	}
	a, err := s.Accounts.setRules(ctx, c.vars["platform"], rules(r))
	return platformOf(a), err
}

func (s *Server) rotatePlatform(ctx context.Context, c *call) (api.Secret, error) {
	name := c.vars["platform"]
	password, err := s.Accounts.rotate(ctx, platformKind, name)
	return api.Secret{Name: name, Password: password}, err
}

func (s *Server) removePlatform(ctx context.Context, c *call) (nothing, error) {
	return nothing{}, s.Accounts.remove(ctx, platformKind, c.vars["platform"])
}

func platformOf(a account) api.Platform {
	return api.Platform{Name: a.Name, Created: a.Created, Rotated: a.Rotated, PlatformRules: api.PlatformRules(a.Rules)}
}
