package cloudtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// tenant is one tenant of a cloud under test. Its networks are V and X, each
// with a host of the same name in lower case, as far as they were asked for.
type tenant struct {
	*testing.T
	bed Bed
	id  topology.TenantID
}

// newTenant makes a tenant with networks of the given names.
func newTenant(t *testing.T, bed Bed, id topology.TenantID, names ...string) *tenant {
	t.Helper()
	x := &tenant{t, bed, id}
	for _, name := range names {
		n := x.network(name)
		require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), id, n))
		require.NoError(t, bed.Cloud.CreateHost(t.Context(), id, x.host(name)))
	}
	return x
}

// netID is the id of the tenant's network of a name: unlike names, ids may be
// unique in a cloud.
func (x *tenant) netID(name string) topology.NetworkID {
	return topology.NetworkID(fmt.Sprintf("%s-%s", name, x.id))
}

// network is what a network of a name is made of; the same ranges in every tenant.
func (x *tenant) network(name string) topology.Network {
	octet := name[0] % 32
	return topology.Network{ID: x.netID(name), Name: name, Role: topology.RoleTenant, Subnets: []topology.Subnet{
		{CIDR: netip.MustParsePrefix(fmt.Sprintf("10.66.%d.0/24", octet)), Gateway: netip.MustParseAddr(fmt.Sprintf("10.66.%d.1", octet))},
		{CIDR: netip.MustParsePrefix(fmt.Sprintf("fd66:%d::/64", octet)), Gateway: netip.MustParseAddr(fmt.Sprintf("fd66:%d::1", octet))},
	}}
}

func (x *tenant) host(name string) cloud.Host {
	address := netip.MustParsePrefix(fmt.Sprintf("10.66.%d.11/24", name[0]%32))
	return cloud.Host{Name: "host-" + name, Network: x.netID(name), Address: address}
}

// service is one with two pairs of legs, stitched into networks of the given
// names on its first pairs.
func (x *tenant) service(name string, rank int, networks ...string) topology.Service {
	s := topology.Service{
		Instance: topology.InstanceID(fmt.Sprintf("%s-%s", name, x.id)), Name: name, Zones: topology.Bridged,
		NICs: []topology.NIC{
			{Role: topology.Management},
			{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1},
			{Role: topology.Inside, Pair: 2}, {Role: topology.Outside, Pair: 2},
		},
	}
	for i, n := range networks {
		s.Stitches = append(s.Stitches, topology.Stitch{Network: x.netID(n), Pair: i + 1, Rank: rank})
	}
	return s
}

// managed gives a service the management address of the bed.
func (x *tenant) managed(s topology.Service) topology.Service {
	if x.bed.Health.IsValid() {
		s.Management = netip.PrefixFrom(x.bed.Health.Addr(), x.bed.Health.Addr().BitLen()-8)
	}
	return s
}

// observe is the tenant's fabric, which must be safe whenever it is looked at; an
// empty one when the tenant has nothing.
func (x *tenant) observe() topology.Fabric {
	x.Helper()
	f, err := x.bed.Cloud.Observe(x.Context(), x.id)
	if errors.Is(err, fault.NotFound) {
		return topology.Settle(topology.Fabric{Tenant: x.id})
	}
	require.NoError(x, err)
	require.Equal(x, x.id, f.Tenant)
	require.Empty(x, topology.Check(f))
	return f
}

// plan leads from what the tenant has to exactly the services.
func (x *tenant) plan(services ...topology.Service) []topology.Step {
	x.Helper()
	have := x.observe()
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(x, err)
	steps, err := topology.Plan(have, want)
	require.NoError(x, err)
	return steps
}

// converge brings the tenant to have exactly the services.
func (x *tenant) converge(services ...topology.Service) {
	x.Helper()
	for _, s := range x.plan(services...) {
		require.NoError(x, x.patiently(s), "%s", s)
	}
	require.Empty(x, x.plan(services...), "nothing is left to do")
}

// do is one try at a step.
func (x *tenant) do(ctx context.Context, s topology.Step) error {
	if s.Verb == topology.Boot && s.Appliance != nil {
		return x.bed.Cloud.Boot(ctx, x.id, *s.Appliance, x.bed.Server())
	}
	return x.bed.Cloud.Do(ctx, x.id, s)
}

// patiently does a step, and an await as often as it takes.
func (x *tenant) patiently(s topology.Step) error {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), x.bed.BootTimeout)
	defer cancel()
	for {
		err := x.do(x.Context(), s)
		var notYet *cloud.NotYet
		if !errors.As(err, &notYet) {
			return err
		}
		require.Equal(x, topology.Await, s.Verb, "only an await waits")
		require.Positive(x, notYet.After)
		require.NotEmpty(x, notYet.Reason)
		again := time.NewTimer(notYet.After)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return fmt.Errorf("not ready after %s: %w", x.bed.BootTimeout, err)
		}
	}
}

// passes requires that a host's packets reach the gateway and pass exactly the
// services on their way.
func (x *tenant) passes(network string, services ...topology.Service) {
	x.Helper()
	want := []topology.ApplianceID{}
	for _, s := range services {
		for _, a := range x.observe().Appliances {
			if a.Instance == s.Instance {
				want = append(want, a.ID)
			}
		}
	}
	require.Len(x, want, len(services))
	passed, reached, err := x.bed.Cloud.Trace(x.Context(), x.id, x.host(network).Name)
	require.NoError(x, err)
	require.True(x, reached, "the gateway answers on network %s", network)
	require.Equal(x, want, append([]topology.ApplianceID{}, passed...))
}

// clearAll removes what a part of the suite left, and requires that nothing of it stays.
func clearAll(t *testing.T, bed Bed) {
	t.Helper()
	left, err := bed.Cloud.Resources(t.Context())
	require.NoError(t, err)
	seen := map[topology.TenantID]bool{}
	for _, r := range left {
		require.NotEmpty(t, r.Kind)
		require.NotEmpty(t, r.ID)
		if !seen[r.Tenant] {
			seen[r.Tenant] = true
			(&tenant{t, bed, r.Tenant}).clear()
		}
	}
	left, err = bed.Cloud.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

// clear removes all services and networks of a tenant.
func (x *tenant) clear() {
	x.Helper()
	x.converge()
	for _, n := range x.observe().Networks {
		require.NoError(x, x.bed.Cloud.DeleteNetwork(x.Context(), x.id, n.ID))
	}
	_, err := x.bed.Cloud.Observe(x.Context(), x.id)
	require.ErrorIs(x, err, fault.NotFound)
}
