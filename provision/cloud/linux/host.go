//go:build linux

package linux

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var hostNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CreateHost attaches a host, a namespace with one cable, to a tenant network.
// See cloud.Testbed.
func (c *Cloud) CreateHost(ctx context.Context, tenant topology.TenantID, h cloud.Host) error {
	if !hostNames.MatchString(h.Name) {
		return fault.New(fault.Invalid, "the host name %q must be 1 to 63 letters, digits, dots, dashes and underscores", h.Name)
	}
	if !h.Address.IsValid() {
		return fault.New(fault.Invalid, "host %q needs an address", h.Name)
	}
	return c.withFabric(tenant, func(v *view) error {
		bridge, err := v.network(h.Network)
		if err != nil {
			return err
		}
		n, err := facts[topology.Network](bridge.tag)
		if err != nil {
			return err
		}
		if n.Role != topology.RoleTenant {
			return fault.New(fault.Invalid, "network %q is not for hosts", h.Network)
		}
		if err := v.refuseGatewayAddress(h); err != nil {
			return err
		}
		return v.makeHost(h, n)
	})
}

// refuseGatewayAddress refuses a host the address of a gateway.
func (v *view) refuseGatewayAddress(h cloud.Host) error {
	for _, l := range v.all(kindPlug) {
		p, err := facts[plugFacts](l.tag)
		if err != nil {
			return err
		}
		if slices.Contains(p.Addresses, h.Address) {
			return fault.New(fault.Invalid, "host %q cannot have the address %s: gateway %q has it", h.Name, h.Address, p.Gateway)
		}
	}
	return nil
}

func (v *view) makeHost(h cloud.Host, n topology.Network) error {
	t, err := v.cloud.newTag(v.tenant, kindCable, h.Name, h)
	if err != nil {
		return err
	}
	if l, ok := v.find(kindCable, h.Name); ok {
		had, err := facts[cloud.Host](l.tag)
		if err == nil && had != h {
			err = fault.New(fault.Conflict, "host %q exists on network %q with address %s", h.Name, had.Network, had.Address)
		}
		return err
	}
	space := v.cloud.hostName(v.tenant, h.Name)
	inner, err := v.cloud.newTag(v.tenant, kindHost, h.Name, nil)
	if err != nil {
		return err
	}
	if err := v.cloud.makeNamespace(space, inner); err != nil {
		return err
	}
	near, err := v.makeCable(kindCable, h.Name, farEnd{
		namespace: space,
		name:      "eth0",
		mac:       macOf("host", v.cloud.scope, string(v.tenant), h.Name),
		addresses: []netip.Prefix{h.Address},
		routes:    routersFor(h.Address, n.Subnets),
		port:      h.Name,
	})
	if err != nil {
		return err
	}
	if err := v.plug(near, h.Network); err != nil {
		return err
	}
	return v.cloud.setTag(near, t)
}

// routersFor are the gateways of the subnets that hold an address.
func routersFor(a netip.Prefix, subnets []topology.Subnet) (out []netip.Addr) {
	for _, s := range subnets {
		if s.Gateway.IsValid() && s.CIDR.Contains(a.Addr()) {
			out = append(out, s.Gateway)
		}
	}
	return out
}

// Hosts lists a tenant's hosts by name. See cloud.Testbed.
func (c *Cloud) Hosts(ctx context.Context, tenant topology.TenantID) (out []cloud.Host, err error) {
	err = c.withFabric(tenant, func(v *view) error {
		for _, l := range v.all(kindCable) {
			h, err := facts[cloud.Host](l.tag)
			if err != nil {
				return err
			}
			out = append(out, h)
		}
		return nil
	})
	return out, err
}

func (v *view) removeHost(name string) error {
	if err := v.remove(kindCable, name); err != nil {
		return err
	}
	if err := v.cloud.removeNamespace(v.cloud.hostName(v.tenant, name)); err != nil {
		return err
	}
	return v.cloud.dropFacts(v.tenant, name, kindHost)
}

// InHost runs f on a thread inside a host's namespace. Sockets that f opens stay
// there. f must not start goroutines that need the namespace. NotFound when there
// is no such host.
func (c *Cloud) InHost(ctx context.Context, tenant topology.TenantID, host string, f func() error) error {
	hosts, err := c.Hosts(ctx, tenant)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(hosts, func(h cloud.Host) bool { return h.Name == host }) {
		return fault.New(fault.NotFound, "tenant %q has no host %q", tenant, host)
	}
	return c.within(c.hostName(tenant, host), f)
}

// InGateway is InHost for the tenant's default gateway, where the public network is.
func (c *Cloud) InGateway(ctx context.Context, tenant topology.TenantID, f func() error) error {
	return c.InGatewayOf(ctx, tenant, defaultGateway, f)
}

// InGatewayOf is InHost for one of the tenant's gateways. Each has the public network.
func (c *Cloud) InGatewayOf(ctx context.Context, tenant topology.TenantID, g topology.GatewayID, f func() error) error {
	err := c.within(c.gatewayName(tenant, g), f)
	if isNoNamespace(err) {
		return &fault.Error{Kind: fault.NotFound, Message: fmt.Sprintf("tenant %q has no gateway %q", tenant, g), Err: err}
	}
	return err
}
