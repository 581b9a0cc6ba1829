package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
)

// insert makes an instance that the provider manages.
func (s *Server) insert(ctx context.Context, c *call, n api.NewInsertion) (api.Accepted, error) {
	n.ID = cmp.Or(n.ID, rand.Text())
	r, err := s.insertion(ctx, c, n)
	if err != nil {
		return api.Accepted{}, err
	}
	return s.provision(ctx, c, r)
}

// insertion is what an operator asks for in the words of package provision.
func (s *Server) insertion(ctx context.Context, c *call, n api.NewInsertion) (r provision.ProvisionRequest, err error) {
	if c.who.role != api.Operator {
		return r, fault.New(fault.Forbidden, "this is for %s", operators)
	}
	if len(n.Networks) > 0 {
		if n.Parameters, err = withNetworks(n.Parameters, n.Networks); err != nil {
			return r, err
		}
	}
	r, err = s.provisionRequest(ctx, c, n.NewInstance)
	r.Provider = &provision.Provider{
		Everywhere: len(n.Networks) == 0,
		Bill:       provision.Payer(cmp.Or(n.Bill, string(provision.OperatorPays))),
	}
	return r, err
}

// withNetworks are parameters with networks that they do not name yet.
func withNetworks(parameters json.RawMessage, networks []string) (json.RawMessage, error) {
	p := map[string]json.RawMessage{}
	if len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &p); err != nil || p == nil {
			return nil, fault.New(fault.Invalid, "parameters must be a JSON object")
		}
	}
	if p[catalog.KeyNetworks] != nil {
		return nil, fault.New(fault.Invalid, "networks are named twice, beside the parameters and among them")
	}
	raw, err := json.Marshal(networks)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the networks: %w", err)
	}
	p[catalog.KeyNetworks] = raw
	return json.Marshal(p)
}

// managed is the instance of the path, if the caller may do something about it.
func (s *Server) managed(ctx context.Context, c *call) (provision.Instance, error) {
	i, err := s.owned(ctx, c)
	if err == nil && i.Provider != nil && c.who.role != api.Operator {
		err = fault.New(fault.Forbidden, "instance %q is managed by the provider; ask the operator", i.ID)
	}
	return i, err
}

// veiled is an instance without what only those may know who manage it.
func veiled(who caller, i api.Instance) api.Instance {
	if i.ManagedBy != catalog.ManagerProvider || who.role == api.Operator {
		return i
	}
	i.Parameters, i.Management, i.Bindings = nil, "", []api.Binding{}
	for n := range i.Members {
		i.Members[n].Management = ""
	}
	return i
}
