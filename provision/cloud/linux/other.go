//go:build !linux

package linux

import (
	"context"
	"runtime"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Cloud exists on Linux only; New never makes one here.
type Cloud struct{ cloud.Testbed }

func notHere() error {
	return fault.New(fault.Unavailable, "the linux cloud needs a Linux kernel, and this machine runs %s; use the openstack or sim cloud", runtime.GOOS)
}

// New fails everywhere but on Linux: Unavailable.
func New(context.Context, Options) (*Cloud, error) { return nil, notHere() }

// Enter has nothing to do here.
func Enter(context.Context, string) error { return nil }

// InHost fails as New does.
func (c *Cloud) InHost(context.Context, topology.TenantID, string, func() error) error {
	return notHere()
}

// InGateway fails as New does.
func (c *Cloud) InGateway(context.Context, topology.TenantID, func() error) error { return notHere() }

// InGatewayOf fails as New does.
func (c *Cloud) InGatewayOf(context.Context, topology.TenantID, topology.GatewayID, func() error) error {
	return notHere()
}

// Console fails as New does.
func (c *Cloud) Console(context.Context, topology.TenantID, topology.ApplianceID) (string, error) {
	return "", notHere()
}

// Sweep fails as New does.
func (c *Cloud) Sweep(context.Context) error { return notHere() }
