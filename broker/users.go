package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func (s *Server) listUsers(ctx context.Context, _ *call) (api.List[api.User], error) {
	l := api.List[api.User]{Items: []api.User{}}
	for a, err := range s.Accounts.users.All(ctx, "", "") {
		if err != nil {
			return l, err
		}
		l.Items = append(l.Items, api.User{Name: a.Name, Role: a.Role, Vendor: a.Vendor, Tenant: a.Tenant, Created: a.Created})
	}
	return l, nil
}

func (s *Server) addUser(ctx context.Context, _ *call, n api.NewUser) (api.Secret, error) {
	if n.Tenant != "" {
		if _, err := checkTenant(n.Tenant); err != nil {
			return api.Secret{}, err
		}
	}
	password, err := s.Accounts.add(ctx, userKind, account{Name: n.Name, Role: n.Role, Vendor: n.Vendor, Tenant: n.Tenant})
	if err != nil {
		return api.Secret{}, err
	}
	return api.Secret{Name: n.Name, Password: password, Token: api.Token(n.Name, password)}, nil
}

func (s *Server) removeUser(ctx context.Context, c *call) (nothing, error) {
	if c.vars["user"] == c.who.name {
		return nothing{}, fault.New(fault.Conflict, "you cannot remove yourself")
	}
	return nothing{}, s.Accounts.remove(ctx, userKind, c.vars["user"])
}
