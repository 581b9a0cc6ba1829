//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A ground is the cloud that the story is played on, with a tenant whose hosts are
// network namespaces of this machine.
type ground interface {
	// about says for people where the broker works.
	about() string
	// configure is called before the broker starts, build after.
	configure(ctx context.Context, c *config) error
	build(ctx context.Context, s *stage, hosts []cloud.Host) error

	tenant() string  // as requests name it
	network() string // as requests name the network that is to be protected
	public() string  // the address of a server on the gateway's other side

	inHost(ctx context.Context, host string, f func() error) error
	inPublic(ctx context.Context, f func() error) error
	trace(ctx context.Context, host string) (passed []topology.ApplianceID, reached bool, err error)
	// dial opens a connection to a management address; nil where there is no way.
	dial() func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// clear removes all that it can, and lists what is left.
	clear(ctx context.Context, s *stage) (left []string, err error)
}

// demoRange is the range of the tenant's network.
var demoRange = netip.MustParsePrefix("10.20.0.0/24")

// branch is the linux cloud of this machine.
type branch struct {
	scope, dir string
	cloud      *linux.Cloud
}

func (b *branch) about() string   { return "the linux cloud of this machine" }
func (b *branch) tenant() string  { return demoTenant }
func (b *branch) network() string { return demoNetwork }
func (b *branch) public() string  { return linux.PublicIPv4 }

// configure may start this program anew, as root over namespaces of its own.
func (b *branch) configure(ctx context.Context, c *config) error {
	c.Cloud.Scope = b.scope
	return linux.Enter(ctx, b.dir)
}

func (b *branch) build(ctx context.Context, s *stage, hosts []cloud.Host) error {
	b.cloud = s.broker.cloud.(*linux.Cloud) // the configuration says so
	network := api.Network{ID: demoNetwork, Name: demoNetwork, CIDR: demoRange.String(), Gateway: demoRange.Addr().Next()}
	if _, err := s.admin.CreateNetwork(ctx, demoTenant, network); err != nil {
		return err
	}
	for _, h := range hosts {
		if _, err := s.admin.CreateHost(ctx, demoTenant, api.Host{Name: h.Name, Network: demoNetwork, Address: h.Address}); err != nil {
			return err
		}
	}
	return nil
}

func (b *branch) inHost(ctx context.Context, host string, f func() error) error {
	return b.cloud.InHost(ctx, demoTenant, host, f)
}

func (b *branch) inPublic(ctx context.Context, f func() error) error {
	return b.cloud.InGateway(ctx, demoTenant, f)
}

func (b *branch) trace(ctx context.Context, host string) ([]topology.ApplianceID, bool, error) {
	return b.cloud.Trace(ctx, demoTenant, host)
}

func (b *branch) dial() func(context.Context, netip.AddrPort) (net.Conn, error) {
	return func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return b.cloud.Dial(ctx, demoTenant, to)
	}
}

func (b *branch) clear(ctx context.Context, s *stage) (left []string, err error) {
	c, err := linux.New(ctx, linux.Options{Scope: b.scope, Dir: filepath.Clean(b.dir)}) // there may be no broker
	if err == nil {
		err = c.Sweep(ctx)
	}
	if s.broker == nil {
		return nil, err
	}
	err = errors.Join(err, s.broker.Close())
	resources, lookErr := c.Resources(ctx)
	for _, r := range resources {
		left = append(left, r.Kind+" "+r.ID)
	}
	return left, errors.Join(err, lookErr)
}
