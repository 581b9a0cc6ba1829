//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// region is an OpenStack whose switch is this machine's.
type region struct {
	*openstack.Ground
	name    string
	config  cloudConfig
	attends *errgroup.Group
	leave   context.CancelFunc
}

func (r *region) about() string   { return "an OpenStack cloud whose switch is on this machine" }
func (r *region) tenant() string  { return string(r.Tenant) }
func (r *region) network() string { return string(r.Network) }
func (r *region) public() string  { return openstack.GroundPublic }

func (r *region) configure(ctx context.Context, c *config) (err error) {
	r.config.Driver, r.config.Scope, r.config.Retain, r.config.Parallel = "openstack", r.name, false, c.Cloud.Parallel
	r.config.Management, r.config.MgmtFrom = "", ""
	r.config.BootWait = 0 // what boots there answers at its health endpoint, or is a namespace
	if r.Ground, err = openstack.NewGround(ctx, r.config.openstack(nil), "bumpwire-"+r.name); err != nil {
		return err
	}
	if r.Guests {
		network, from, err := r.Manage(ctx)
		if err != nil {
			return err
		}
		r.config.Management, r.config.MgmtFrom = network, from.String()
	}
	c.Cloud = r.config
	c.Monitor.Every = 10 * time.Second // a look is some calls
	return nil
}

func (r *region) build(ctx context.Context, s *stage, hosts []cloud.Host) (err error) {
	if err := r.Build(ctx, hosts...); err != nil {
		return err
	}
	ctx, r.leave = context.WithCancel(context.WithoutCancel(ctx))
	r.attends = &errgroup.Group{}
	r.attends.Go(func() error {
		stoodIn, err := r.Attend(ctx, blockedPort)
		if stoodIn {
			s.say("(Servers of this cloud are namespaces without programs: the demo bridged and filtered in them itself.)")
		}
		return err
	})
	return nil
}

func (r *region) inHost(_ context.Context, host string, f func() error) error {
	return inSpace(r.Space(host), f)
}

func (r *region) inPublic(_ context.Context, f func() error) error {
	return inSpace(r.PublicSpace(), f)
}

func (r *region) trace(ctx context.Context, host string) ([]topology.ApplianceID, bool, error) {
	return r.Trace(ctx, host)
}

// dial has no way where nobody would answer.
func (r *region) dial() func(context.Context, netip.AddrPort) (net.Conn, error) {
	if !r.Guests {
		return nil
	}
	return func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", to.String())
	}
}

func (r *region) clear(ctx context.Context, s *stage) (left []string, err error) {
	if r.leave != nil {
		r.leave()
		err = r.attends.Wait()
	}
	if s.broker != nil {
		err = errors.Join(err, s.broker.Close())
	}
	if r.Ground == nil {
		return nil, err
	}
	left, clearErr := r.Clear(ctx)
	return left, errors.Join(err, clearErr)
}

// inSpace runs a function in a network namespace of this machine. The sockets that it
// opens stay there.
func inSpace(name string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns, err := unix.Open(filepath.Join("/run/netns", name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("cannot open namespace %s: %w", name, err)
			return
		}
		defer unix.Close(ns)
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("cannot enter namespace %s: %w", name, err)
			return
		}
		done <- f()
	}()
	return <-done
}
