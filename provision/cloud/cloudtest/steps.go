package cloudtest

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// everyStep undoes each step before it happened, does it twice, undoes it twice,
// and does it for good.
func everyStep(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	before := x.observe()
	service := x.managed(x.service("fw", 10, "V"))
	for _, s := range x.plan(service) {
		x.toAndFro(s)
	}
	require.Empty(t, x.plan(service))
	for _, s := range x.plan() {
		x.toAndFro(s)
	}
	require.Equal(t, before, x.observe())
}

func (x *tenant) toAndFro(s topology.Step) {
	x.Helper()
	back, undoable := s.Inverse()
	leads := func(s topology.Step, to topology.Fabric, why string) {
		x.Helper()
		require.NoError(x, x.patiently(s), "%s: %s", why, s)
		require.Equal(x, to, x.observe(), "%s: %s", why, s)
	}
	before := x.observe()
	if undoable {
		leads(back, before, "undone before it happened")
	}
	had := x.resources()
	require.NoError(x, x.patiently(s), "%s", s)
	after := x.observe()
	x.listed(s, had)
	leads(s, after, "repeated")
	if undoable {
		leads(back, before, "undone")
		leads(back, before, "undone again")
		leads(s, after, "done after all")
	}
}

// listed compares what is listed after a step with how much it was before.
func (x *tenant) listed(s topology.Step, had int) {
	x.Helper()
	has := x.resources()
	machine := s.Verb == topology.Boot || s.Verb == topology.Shutdown
	if machine && len(x.bed.Server().Disks) == 0 {
		return
	}
	switch s.Verb {
	case topology.CreateNetwork, topology.CreatePort, topology.Boot:
		require.Greater(x, has, had, "%s: what is made is listed", s)
	case topology.DeleteNetwork, topology.DeletePort, topology.Shutdown:
		require.Less(x, has, had, "%s: what is removed is not listed", s)
	case topology.Await, topology.Move:
		require.Equal(x, had, has, "%s: nothing is made or removed", s)
	}
}

// resources is how many things are listed, all of which are the tenant's.
func (x *tenant) resources() int {
	x.Helper()
	list, err := x.bed.Cloud.Resources(x.Context())
	require.NoError(x, err)
	for _, r := range list {
		require.Equal(x, x.id, r.Tenant)
	}
	return len(list)
}

func impossible(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "X")
	steps := x.unbooted(x.service("fw", 10, "V"))
	before := x.observe()
	plug := before.Gateways[0].Plugs[0]
	fw := before.Appliances[0]
	bare := topology.Appliance{ID: fw.ID, Instance: fw.Instance, Name: fw.Name}
	own := before.Networks[slices.IndexFunc(before.Networks, func(n topology.Network) bool { return n.Role == topology.RoleTenant })]
	segment := before.Networks[slices.IndexFunc(before.Networks, func(n topology.Network) bool { return n.Role == topology.RoleSegment })]
	fresh := topology.Network{ID: "fresh", Name: "fresh", Role: topology.RoleTenant}
	nowhere := topology.Leg{Port: "fw-9", NIC: 9, Role: topology.Inside, Pair: 9, At: "nowhere", MAC: "02:00:00:00:00:09"}
	twin := fw.Legs[1]
	twin.At = x.netID("X")
	foreign := topology.Appliance{ID: "unknown", Instance: "unknown", Name: "unknown"}
	foreign.Legs = []topology.Leg{{Port: "unknown-0", Role: topology.Inside, Pair: 1}}

	for name, test := range map[string]struct {
		step topology.Step
		want []fault.Kind // one of
	}{
		"a port on a network that is not there":  {topology.Step{Verb: topology.CreatePort, Appliance: &bare, Leg: &nowhere}, notFound},
		"a port that exists, plugged elsewhere":  {topology.Step{Verb: topology.CreatePort, Appliance: &bare, Leg: &twin}, invalid},
		"moving a port that is not there":        {topology.Step{Verb: topology.Move, Gateway: before.Gateways[0].ID, Port: "lost", From: plug.At, To: segment.ID}, notFound},
		"moving a plug to where there is none":   {topology.Step{Verb: topology.Move, Gateway: before.Gateways[0].ID, Port: plug.Port, From: plug.At, To: "nowhere"}, notFound},
		"moving a plug from where it is not":     {topology.Step{Verb: topology.Move, Gateway: before.Gateways[0].ID, Port: plug.Port, From: segment.ID, To: x.otherNet(plug.At)}, invalid},
		"deleting the tenant's own network":      {topology.Step{Verb: topology.DeleteNetwork, Network: &own}, invalid},
		"deleting a network with ports in it":    {topology.Step{Verb: topology.DeleteNetwork, Network: &segment}, invalid},
		"making a tenant's own network":          {topology.Step{Verb: topology.CreateNetwork, Network: &fresh}, invalid},
		"booting what has no ports":              {topology.Step{Verb: topology.Boot, Appliance: &foreign}, either},
		"booting without a server":               {topology.Step{Verb: topology.Boot}, invalid},
		"waiting for what does not run":          {steps[slices.IndexFunc(steps, verb(topology.Await))], either},
		"a verb that there is not":               {topology.Step{Verb: "explode", Appliance: &fw}, invalid},
		"a step that does not say what it is on": {topology.Step{Verb: topology.CreatePort}, invalid},
	} {
		err := x.do(t.Context(), test.step)
		require.Error(t, err, name)
		require.Contains(t, test.want, fault.KindOf(err), "%s: %v", name, err)
		require.Equal(t, before, x.observe(), name)
	}
}

// What an impossible step may be refused with.
var (
	notFound = []fault.Kind{fault.NotFound}
	invalid  = []fault.Kind{fault.Invalid}
	either   = []fault.Kind{fault.NotFound, fault.Invalid}
)

func verb(v topology.Verb) func(topology.Step) bool {
	return func(s topology.Step) bool { return s.Verb == v }
}

// otherNet is the one of V and X that is not n.
func (x *tenant) otherNet(n topology.NetworkID) topology.NetworkID {
	if n == x.netID("V") {
		return x.netID("X")
	}
	return x.netID("V")
}

// unbooted does all steps towards a service up to its boot and answers the rest,
// the boot first.
func (x *tenant) unbooted(service topology.Service) []topology.Step {
	x.Helper()
	steps := x.plan(service)
	at := slices.IndexFunc(steps, verb(topology.Boot))
	require.Positive(x, at)
	for _, s := range steps[:at] {
		require.NoError(x, x.do(x.Context(), s), "%s", s)
	}
	return steps[at:]
}

func cancellation(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range x.plan(x.service("fw", 10, "V")) {
		if s.Verb == topology.Await || s.Verb == topology.Move {
			break // without these, an appliance never carried any traffic
		}
		require.ErrorIs(t, x.do(cancelled, s), context.Canceled, "%s", s)
		require.NoError(t, x.do(t.Context(), s), "%s", s)
	}
	require.Len(t, x.observe().Appliances, 1)
	require.True(t, x.observe().Appliances[0].Booted)
	x.passes("V")
}
