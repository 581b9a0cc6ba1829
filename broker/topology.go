package broker

import (
	"context"
	"net/netip"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// tenant is the tenant of the path, if it exists for the caller.
func (c *call) tenant() (topology.TenantID, error) {
	name := c.vars["tenant"]
	if !c.who.sees(name) {
		return "", fault.New(fault.NotFound, "there is no tenant %q", name)
	}
	return checkTenant(name)
}

// place is the tenant of the path in the region of the query; without one, in the first.
func (s *Server) place(c *call) (provision.Place, error) {
	tenant, err := c.tenant()
	if err != nil {
		return provision.Place{}, err
	}
	return s.Provision.Place(tenant, c.query.Get("region"))
}

// showTopology is a tenant's fabric as JSON, or drawn.
func (s *Server) showTopology(ctx context.Context, c *call) (any, error) {
	p, err := s.place(c)
	if err != nil {
		return nil, err
	}
	scene, err := s.Provision.Scene(ctx, p)
	if err != nil {
		return nil, err
	}
	switch format := c.query.Get("format"); format {
	case "", "json":
		return scene, nil
	case "text":
		return content{"text/plain; charset=utf-8", []byte(topology.Draw(scene))}, nil
	case "svg":
		c.w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		return content{"image/svg+xml", topology.SVG(scene)}, nil
	case "dot":
		return content{"text/vnd.graphviz; charset=utf-8", []byte(topology.DOT(scene))}, nil
	default:
		return nil, fault.New(fault.Invalid, "a topology is shown as json, text, svg or dot, not %.20q", format)
	}
}

func (s *Server) listNetworks(ctx context.Context, c *call) (api.List[api.Network], error) {
	l := api.List[api.Network]{Items: []api.Network{}}
	p, err := s.place(c)
	if err != nil {
		return l, err
	}
	f, err := s.Provision.Fabric(ctx, p)
	if err != nil {
		return l, err
	}
	for _, n := range f.Networks {
		if n.Role == topology.RoleTenant {
			l.Items = append(l.Items, networkOf(f, n))
		}
	}
	return l, nil
}

func networkOf(f topology.Fabric, n topology.Network) api.Network {
	out := api.Network{ID: string(n.ID), Name: n.Name, Gateways: cloud.Plugged(f, n)}
	for i, s := range n.Subnets {
		if i == 0 {
			out.CIDR, out.Gateway = s.CIDR.String(), s.Gateway
			continue
		}
		out.More = append(out.More, api.Range{CIDR: s.CIDR.String(), Gateway: s.Gateway})
	}
	return out
}

// createNetwork makes a tenant network on clouds whose tenants have no other way.
func (s *Server) createNetwork(ctx context.Context, c *call, n api.Network) (api.Network, error) {
	tenant, bed, err := s.testbed(c)
	if err != nil {
		return n, err
	}
	if err := required(field{"id", n.ID}); err != nil {
		return n, err
	}
	if n.Name == "" {
		n.Name = n.ID
	}
	made := topology.Network{ID: topology.NetworkID(n.ID), Name: n.Name, Role: topology.RoleTenant}
	if made.Subnets, err = subnetsOf(&n); err != nil {
		return n, err
	}
	if n.Gateways, err = cloud.Gateways(n.Gateways); err != nil {
		return n, err
	}
	return n, bed.CreateNetwork(ctx, tenant, made, n.Gateways...)
}

// maxRanges bounds the address ranges of one network.
const maxRanges = 16

// subnetsOf are the ranges of a network, whose gateways' addresses it fills in.
func subnetsOf(n *api.Network) (list []topology.Subnet, err error) {
	if len(n.More) >= maxRanges {
		return nil, fault.New(fault.Invalid, "a network has at most %d address ranges", maxRanges)
	}
	first := api.Range{CIDR: n.CIDR, Gateway: n.Gateway}
	for i := range len(n.More) + 1 {
		r := &first
		if i > 0 {
			r = &n.More[i-1]
		}
		s, err := subnetOf(r)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if o.CIDR.Overlaps(s.CIDR) {
				return nil, fault.New(fault.Invalid, "the ranges %s and %s of the network overlap", o.CIDR, s.CIDR)
			}
		}
		list = append(list, s)
	}
	n.Gateway = first.Gateway
	return list, nil
}

func subnetOf(r *api.Range) (topology.Subnet, error) {
	cidr, err := netip.ParsePrefix(r.CIDR)
	if err != nil || cidr.Masked() != cidr {
		return topology.Subnet{}, fault.New(fault.Invalid, "cidr %.60q is not an address range such as 10.1.0.0/24", r.CIDR)
	}
	if !r.Gateway.IsValid() {
		r.Gateway = cidr.Addr().Next()
	}
	if !cidr.Contains(r.Gateway) || r.Gateway == cidr.Addr() {
		return topology.Subnet{}, fault.New(fault.Invalid, "the gateway %s is not a host's address in %s", r.Gateway, cidr)
	}
	return topology.Subnet{CIDR: cidr, Gateway: r.Gateway}, nil
}

func (s *Server) testbed(c *call) (topology.TenantID, cloud.Testbed, error) {
	p, err := s.place(c)
	if err != nil {
		return "", nil, err
	}
	bed, err := s.Provision.Testbed(p)
	return p.Tenant, bed, err
}

func (s *Server) deleteNetwork(ctx context.Context, c *call) (nothing, error) {
	tenant, bed, err := s.testbed(c)
	if err != nil {
		return nothing{}, err
	}
	return nothing{}, bed.DeleteNetwork(ctx, tenant, topology.NetworkID(c.vars["network"]))
}

func (s *Server) listHosts(ctx context.Context, c *call) (api.List[api.Host], error) {
	l := api.List[api.Host]{Items: []api.Host{}}
	tenant, bed, err := s.testbed(c)
	if err != nil {
		return l, err
	}
	hosts, err := bed.Hosts(ctx, tenant)
	for _, h := range hosts {
		l.Items = append(l.Items, api.Host{Name: h.Name, Network: string(h.Network), Address: h.Address})
	}
	return l, err
}

func (s *Server) createHost(ctx context.Context, c *call, h api.Host) (api.Host, error) {
	tenant, bed, err := s.testbed(c)
	if err != nil {
		return h, err
	}
	if err := required(field{"name", h.Name}, field{"network", h.Network}); err != nil {
		return h, err
	}
	if !h.Address.IsValid() {
		return h, fault.New(fault.Invalid, "a host needs an address with its range, such as 10.1.0.10/24")
	}
	return h, bed.CreateHost(ctx, tenant, cloud.Host{Name: h.Name, Network: topology.NetworkID(h.Network), Address: h.Address})
}
