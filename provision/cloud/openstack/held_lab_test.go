package openstack

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// With networking-sfc a tenant may have a chain of its own that begins at its gateway.
// Neutron answers 500 when that port is taken off, so the plan is refused, and works
// once the classifier has gone.
func TestALabsClassifierAtTheGatewayRefusesAPlan(t *testing.T) {
	d := onLab(t)
	loaded, err := d.loaded(t.Context())
	require.NoError(t, err)
	if !slices.Contains(loaded, "flow_classifier") {
		t.Skip("NOT TESTED: this cloud has no networking-sfc; OPENSTACK_LAB_NET=ovs make test-openstack starts one")
	}
	b := labBed(t, d, "acme")
	v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.67.1.0/24"), Gateway: netip.MustParseAddr("10.67.1.1")}}}
	require.NoError(t, b.CreateNetwork(t.Context(), "acme", v))
	project := b.project("acme")
	found, err := d.look(t.Context(), project)
	require.NoError(t, err)
	var made struct {
		Classifier struct{ ID string } `json:"flow_classifier"`
	}
	_, err = d.network.Post(t.Context(), d.network.ServiceURL("sfc", "flow_classifiers"), wanted{"flow_classifier": wanted{"name": "web", "project_id": string(project),
		"ethertype": "IPv4", "protocol": "tcp", "destination_port_range_min": 80, "destination_port_range_max": 80, "logical_source_port": found.plugs[0].ID}},
		&made, &gophercloud.RequestOpts{OkCodes: []int{http.StatusCreated}})
	require.NoError(t, err)
	drop := func(ctx context.Context) error {
		_, err := d.network.Delete(ctx, d.network.ServiceURL("sfc", "flow_classifiers", made.Classifier.ID), nil)
		return err
	}
	t.Cleanup(func() { _ = drop(context.WithoutCancel(t.Context())) }) // it may have gone

	fw := topology.Service{Instance: "fw", Name: "fw", Zones: topology.Bridged, NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: topology.NetworkID(found.own[0].ID), Pair: 1}}}
	have, err := d.Observe(t.Context(), project)
	require.NoError(t, err)
	want, err := topology.Compose(topology.Base(have), []topology.Service{fw})
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	require.Eventually(t, func() bool { // Neutron tells the state of ports a while after they are wired
		wired, err := d.ports(t.Context(), query{"id": {found.plugs[0].ID}, "status": {"ACTIVE"}})
		return err == nil && len(wired) == 1
	}, 2*time.Minute, time.Second)
	before := everything(t, d, string(project))
	_, err = d.Foresee(t.Context(), project, steps)
	require.ErrorIs(t, err, fault.Conflict)
	require.Contains(t, fault.Message(err), "(flow classifier web)")
	require.Equal(t, before, everything(t, d, string(project)))

	s := swap{plugFacts: plugFacts{Router: found.routers[0].ID}, old: found.plugs[0].ID}
	require.True(t, gophercloud.ResponseCodeIs(found.unplug(t.Context(), s), http.StatusInternalServerError), "this is what the plan would have met")
	require.NoError(t, drop(t.Context()))
	_, err = d.Foresee(t.Context(), project, steps)
	require.NoError(t, err)
	fw.Stitches[0].Network = "V"
	converge(t, b, fw)
	converge(t, b)
}
