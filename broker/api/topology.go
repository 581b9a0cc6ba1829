package api

import (
	"context"
	"maps"
	"net/netip"
	"net/url"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Topology is a tenant's fabric as the planner has it, with what is known besides.
type Topology = topology.Scene

// Network is a tenant's own network.
type Network struct {
	ID      string     `json:"id"`
	Name    string     `json:"name,omitempty"` // empty: as ID
	CIDR    string     `json:"cidr"`
	Gateway netip.Addr `json:"gateway,omitzero"` // absent: the first address of the range

	// More are further ranges of the network, of either version of IP.
	More []Range `json:"more,omitempty"`
	// Gateways are the names of the tenant's gateways that the network is plugged
	// into, the one that its hosts use first; none: the one called "gateway".
	Gateways []string `json:"gateways,omitempty"`
}

// Range is one more address range of a network.
type Range struct {
	CIDR    string     `json:"cidr"`
	Gateway netip.Addr `json:"gateway,omitzero"` // absent: the first address of the range
}

// Host is a machine on a tenant's network.
type Host struct {
	Name    string       `json:"name"`
	Network string       `json:"network"`
	Address netip.Prefix `json:"address"`
}

// Topology reads a tenant's fabric.
func (c *Client) Topology(ctx context.Context, tenant string) (t Topology, err error) {
	return t, c.get(ctx, c.there(), &t, "tenants", tenant, "topology")
}

// Drawing draws a tenant's fabric as text, svg or dot.
func (c *Client) Drawing(ctx context.Context, tenant, format string) ([]byte, error) {
	var b []byte
	query := url.Values{"format": {format}}
	maps.Copy(query, c.there())
	return b, c.get(ctx, query, &b, "tenants", tenant, "topology")
}

// Networks lists a tenant's own networks.
func (c *Client) Networks(ctx context.Context, tenant string) ([]Network, error) {
	return list[Network](ctx, c, c.there(), "tenants", tenant, "networks")
}

// CreateNetwork makes a tenant network, on clouds that can.
func (c *Client) CreateNetwork(ctx context.Context, tenant string, n Network) (made Network, err error) {
	return made, c.call(ctx, "POST", c.there(), n, &made, "tenants", tenant, "networks")
}

// DeleteNetwork removes a tenant network and its hosts.
func (c *Client) DeleteNetwork(ctx context.Context, tenant, id string) error {
	return c.call(ctx, "DELETE", c.there(), nil, nil, "tenants", tenant, "networks", id)
}

// Hosts lists a tenant's hosts.
func (c *Client) Hosts(ctx context.Context, tenant string) ([]Host, error) {
	return list[Host](ctx, c, c.there(), "tenants", tenant, "hosts")
}

// CreateHost attaches a host to a tenant network, on clouds that can.
func (c *Client) CreateHost(ctx context.Context, tenant string, h Host) (made Host, err error) {
	return made, c.call(ctx, "POST", c.there(), h, &made, "tenants", tenant, "hosts")
}
