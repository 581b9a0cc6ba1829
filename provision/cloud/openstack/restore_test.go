package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// What a swap in Neutron has to make anew has another id, and tells when.
var born = []string{"id", "created_at", "updated_at", "revision_number"}

// everything is what a tenant has in Neutron, each thing's fields but for those.
func everything(t *testing.T, d *Driver, project string) []string {
	t.Helper()
	var list []string
	for _, c := range []string{"networks", "subnets", "routers", "ports", "floatingips"} {
		var answer map[string][]map[string]any
		_, err := d.network.Get(t.Context(), d.network.ServiceURL(c)+"?project_id="+project, &answer, nil)
		require.NoError(t, err)
		for _, o := range answer[c] {
			maps.DeleteFunc(o, func(k string, _ any) bool { return slices.Contains(born, k) })
			text, err := json.MarshalIndent(o, "", " ")
			require.NoError(t, err)
			list = append(list, c+" "+string(text))
		}
	}
	slices.Sort(list)
	return list
}

// counting wraps a connection to count the calls that change something.
func counting(d *Driver, calls *atomic.Int64) {
	d.provider.HTTPClient.Transport = counter{d.provider.HTTPClient.Transport, calls}
}

// A service comes into the path and goes, with packets through it, and the tenant has
// everything back, field by field: the router with its routes, its port with the name
// that the tenant gave it, its networks and hosts.
func TestALabHasEverythingBack(t *testing.T) {
	d := onLab(t)
	limit := qosPolicy(t, d) // goes after the bed
	b := labBed(t, d, "acme")
	v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.66.1.0/24"), Gateway: netip.MustParseAddr("10.66.1.1")}}}
	require.NoError(t, b.CreateNetwork(t.Context(), "acme", v))
	host := cloud.Host{Name: "h", Network: "V", Address: netip.MustParsePrefix("10.66.1.9/24")}
	require.NoError(t, b.CreateHost(t.Context(), "acme", host))
	project := string(b.tenants["acme"])
	found, err := d.look(t.Context(), b.tenants["acme"])
	require.NoError(t, err)
	router, plug := found.routers[0].ID, found.plugs[0].ID
	for path, body := range map[string]any{
		"routers/" + router + "/add_extraroutes": map[string]any{"router": map[string]any{"routes": []any{map[string]any{"destination": "10.9.0.0/16", "nexthop": "10.66.1.9"}}}},
		"ports/" + plug:                          map[string]any{"port": map[string]any{"name": "to V", "description": "the tenant's", "qos_policy_id": limit}},
		"ports/" + plug + "/tags":                map[string]any{"tags": []string{"mine"}},
	} {
		require.NoError(t, put(t.Context(), d, path, body))
	}
	passed, reached, err := b.Trace(t.Context(), "acme", host.Name)
	require.NoError(t, err)
	require.True(t, reached)
	require.Empty(t, passed)
	require.Eventually(t, func() bool { // Neutron tells the state of ports a while after packets pass
		found, err := d.ports(t.Context(), query{"device_id": {router, host.Name}, "status": {"ACTIVE"}})
		return err == nil && len(found) == 2
	}, time.Minute, time.Second)
	before := everything(t, d, project)

	var calls atomic.Int64
	counting(d, &calls)
	fw := topology.Service{Instance: "fw", Name: "fw", Zones: topology.Bridged, NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1}}}
	for _, services := range [][]topology.Service{{fw}, nil} {
		calls.Store(0)
		swap := converge(t, b, services...)
		t.Logf("%d services: %d calls that change something, %s for the move", len(services), calls.Load(), swap.Round(time.Millisecond))
		passed, reached, err = b.Trace(t.Context(), "acme", host.Name)
		require.NoError(t, err)
		require.True(t, reached)
		require.Len(t, passed, len(services))
		found, err := d.look(t.Context(), b.tenants["acme"])
		require.NoError(t, err)
		require.Equal(t, limit, found.plugs[0].QoSPolicyID, "it applies wherever the port is")
	}
	require.Equal(t, before, everything(t, d, project))
	left, err := d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

// qosPolicy is one that all projects may use.
func qosPolicy(t *testing.T, d *Driver) string {
	t.Helper()
	var made struct{ Policy struct{ ID string } }
	_, err := d.network.Post(t.Context(), d.network.ServiceURL("qos", "policies"), wanted{"policy": wanted{"name": d.scope, "shared": true}}, &made, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := d.network.Delete(context.WithoutCancel(t.Context()), d.network.ServiceURL("qos", "policies", made.Policy.ID), nil)
		require.NoError(t, err)
	})
	return made.Policy.ID
}

// converge carries out a plan, and says how long the move of the gateway's plug took.
func converge(t *testing.T, b *bed, services ...topology.Service) (swap time.Duration) {
	t.Helper()
	have, err := b.Observe(t.Context(), "acme")
	require.NoError(t, err)
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	for _, s := range steps {
		began := time.Now()
		require.NoError(t, patiently(t.Context(), b, s), "%s", s)
		if s.Verb == topology.Move && s.Appliance == nil {
			swap = time.Since(began)
		}
	}
	return swap
}

func patiently(ctx context.Context, b *bed, s topology.Step) error {
	for range 60 {
		err := error(nil)
		if s.Verb == topology.Boot {
			err = b.Boot(ctx, "acme", *s.Appliance, cloud.Server{})
		} else {
			err = b.Do(ctx, "acme", s)
		}
		var notYet *cloud.NotYet
		if !errors.As(err, &notYet) {
			return err
		}
		select {
		case <-time.After(notYet.After):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s is not ready", s)
}
