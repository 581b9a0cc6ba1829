package openstack

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A bed is an OpenStack in which tenants have networks and hosts. Here they have the
// names that the suite gives them, and in Neutron and Keystone ids of their own: a
// bed translates.
type bed struct {
	cloud.Cloud
	d    *Driver
	wire wire

	mu       sync.Mutex
	tenants  map[topology.TenantID]topology.TenantID   // the suite's to the project's id
	networks map[topology.NetworkID]topology.NetworkID // the suite's to Neutron's
}

// wire is what makes a host out of a port, and says which way packets go.
type wire interface {
	plug(b *bed, p ports.Port, address netip.Prefix, gateway netip.Addr) error
	unplug(p ports.Port)
	booted(b *bed, f topology.Fabric) error
	trace(b *bed, f topology.Fabric, from ports.Port, host cloud.Host, to netip.Addr) ([]topology.ApplianceID, bool, error)
}

// complete is a driver on a cloud where nothing is missing: that is not the suite's to
// find out.
type complete struct{ *Steady }

func (complete) Check(context.Context) []cloud.Problem { return nil }

// newBed is a bed with a project for each of the suite's tenants.
func newBed(t *testing.T, d *Driver, w wire, tenants ...string) *bed {
	b := &bed{Cloud: complete{steady(d)}, d: d, wire: w, tenants: map[topology.TenantID]topology.TenantID{}, networks: map[topology.NetworkID]topology.NetworkID{}}
	for _, name := range tenants {
		p, err := projects.Create(t.Context(), d.identity, projects.CreateOpts{Name: d.scope + "-" + name}).Extract()
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, projects.Delete(context.WithoutCancel(t.Context()), d.identity, p.ID).ExtractErr())
		})
		b.tenants[topology.TenantID(name)] = topology.TenantID(p.ID)
	}
	return b
}

// clear removes the tenants' own networks, with which their hosts and routers go.
func (b *bed) clear(ctx context.Context, t *testing.T) {
	for tenant := range b.tenants {
		f, err := b.Observe(ctx, tenant)
		if err != nil {
			require.ErrorIs(t, err, fault.NotFound)
		}
		for _, n := range f.Networks {
			require.NoError(t, b.DeleteNetwork(ctx, tenant, n.ID))
		}
	}
}

// project is a tenant's, or the name of one that is not there.
func (b *bed) project(t topology.TenantID) topology.TenantID {
	if p, ok := b.tenants[t]; ok {
		return p
	}
	return "nobody-" + t
}

// translate replaces ids, there or back, in whatever holds any.
func translate[T any](b *bed, in T, there bool) (out T) {
	raw, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	text := string(raw)
	change := func(ours, theirs string) {
		if !there {
			ours, theirs = theirs, ours
		}
		text = strings.ReplaceAll(text, `"`+ours+`"`, `"`+theirs+`"`)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for ours, theirs := range b.tenants {
		if !there { // what a step names is no tenant
			change(string(ours), string(theirs))
		}
	}
	for ours, theirs := range b.networks {
		change(string(ours), string(theirs))
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		panic(err)
	}
	return out
}

func (b *bed) Observe(ctx context.Context, t topology.TenantID) (topology.Fabric, error) {
	f, err := b.Cloud.Observe(ctx, b.project(t))
	if err != nil {
		return f, err
	}
	return topology.Settle(translate(b, f, false)), nil
}

func (b *bed) Do(ctx context.Context, t topology.TenantID, s topology.Step) error {
	if err := b.Cloud.Do(ctx, b.project(t), translate(b, s, true)); err != nil {
		return err
	}
	if s.Verb == topology.Move {
		return b.patch(ctx, t)
	}
	return nil
}

func (b *bed) Boot(ctx context.Context, t topology.TenantID, a topology.Appliance, s cloud.Server) error {
	if err := b.Cloud.Boot(ctx, b.project(t), translate(b, a, true), s); err != nil {
		return err
	}
	return b.patch(ctx, t)
}

// patch has appliances that run forward.
func (b *bed) patch(ctx context.Context, t topology.TenantID) error {
	f, err := b.d.Observe(ctx, b.project(t))
	if err != nil {
		return err
	}
	return b.wire.booted(b, f)
}

func (b *bed) Probe(ctx context.Context, t topology.TenantID, a topology.ApplianceID) (cloud.Pulse, error) {
	return b.Cloud.Probe(ctx, b.project(t), a)
}

func (b *bed) Counters(ctx context.Context, t topology.TenantID, a topology.ApplianceID) ([]topology.Counter, error) {
	counts, _ := cloud.CountingOf(b.Cloud)
	return counts.Counters(ctx, b.project(t), a)
}

func (b *bed) Resources(ctx context.Context) ([]cloud.Resource, error) {
	list, err := b.Cloud.Resources(ctx)
	return translate(b, list, false), err
}
