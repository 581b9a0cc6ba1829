package topology_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// founded is the founding use case done, and the steps that did it.
func founded(t require.TestingT) (topology.Fabric, []topology.Step) {
	steps := plan(t, tenantA(), compose(t, tenantA(), firewall(topology.Bridged), optimiser()))
	return applyAll(t, tenantA(), steps), steps
}

// find is the first step with a verb.
func find(steps []topology.Step, v topology.Verb) topology.Step {
	for _, s := range steps {
		if s.Verb == v {
			return s
		}
	}
	return topology.Step{}
}

func TestApplyRefusesWhatNoCloudCanDo(t *testing.T) {
	t.Parallel()
	done, steps := founded(t)
	empty := tenantA()
	change := func(v topology.Verb, with func(*topology.Step)) topology.Step {
		s := find(steps, v)
		if s.Network != nil {
			n := *s.Network
			s.Network = &n
		}
		if s.Leg != nil {
			l := *s.Leg
			s.Leg = &l
		}
		with(&s)
		return s
	}
	as := func(v topology.Verb) func(*topology.Step) { return func(s *topology.Step) { s.Verb = v } }
	for name, c := range map[string]struct {
		f    topology.Fabric
		s    topology.Step
		says string
	}{
		"delete a network in use": {done, change(topology.CreateNetwork, as(topology.DeleteNetwork)),
			`cannot delete network "mgmt-acme": port "fw-nic4" of "fw" is plugged into it`},
		"delete a segment with the gateway on it": {done, change(topology.CreateNetwork, func(s *topology.Step) { s.Verb, s.Network.ID = topology.DeleteNetwork, "seg-fw-V" }),
			`cannot delete network "seg-fw-V": port "gw-V" of gateway "gw" is plugged into it`},
		"delete a tenant's network": {empty, change(topology.CreateNetwork, func(s *topology.Step) { s.Verb, s.Network.ID = topology.DeleteNetwork, "V" }),
			`cannot delete network "V": it is the tenant's own`},
		"create a tenant's network": {empty, change(topology.CreateNetwork, func(s *topology.Step) { s.Network.Role = topology.RoleTenant }),
			`cannot create network "mgmt-acme": a tenant's own networks are not made here`},
		"create a network twice with other subnets": {done, change(topology.CreateNetwork, func(s *topology.Step) {
			s.Network.Subnets = []topology.Subnet{{CIDR: netip.MustParsePrefix("10.9.9.0/24")}}
		}), `cannot create network "mgmt-acme": it exists with other content`},
		"create a port twice elsewhere": {done, change(topology.CreatePort, func(s *topology.Step) { s.Leg.At = "Z" }),
			`cannot create port "fw-nic0": it exists with other content`},
		"create a port on nothing": {empty, change(topology.CreatePort, func(s *topology.Step) { s.Leg.At = "nope" }),
			`cannot create port "fw-nic0": there is no network "nope"`},
		"create a gateway's port": {empty, change(topology.CreatePort, func(s *topology.Step) { s.Leg.Port = "gw-V" }),
			`cannot create port "gw-V": a gateway has a port of that id`},
		"create a port of a running appliance": {done, change(topology.CreatePort, func(s *topology.Step) { s.Leg.Port, s.Leg.NIC = "fw-nic9", 9 }),
			`cannot create port "fw-nic9": "fw" is running and takes no further NIC`},
		"delete a port of a running appliance": {done, change(topology.CreatePort, as(topology.DeletePort)),
			`cannot delete port "fw-nic0": "fw" is running on it`},
		"boot without ports":             {empty, change(topology.Boot, func(*topology.Step) {}), `cannot boot "fw": it has no ports`},
		"wait for what does not run":     {empty, change(topology.Await, func(*topology.Step) {}), `cannot wait for "fw": it is not running`},
		"wait for a pair not plugged in": {done, change(topology.Await, func(s *topology.Step) { s.Pair = 7 }), `cannot wait for "fw": pair 7 is not plugged in at both ends`},
		"move from elsewhere":            {empty, change(topology.Move, func(s *topology.Step) { s.From = "Z" }), `cannot move port "gw-V" from "Z": it is plugged into "V"`},
		"move to nowhere":                {empty, change(topology.Move, func(*topology.Step) {}), `cannot move port "gw-V": there is no network "seg-fw-V"`},
		"move another gateway's port":    {empty, change(topology.Move, func(s *topology.Step) { s.Gateway = "gw2" }), `cannot move port "gw-V": there is no such port`},
		"an unknown verb":                {empty, topology.Step{Verb: "explode"}, `cannot do "explode": no such verb`},
		"a step without its subject":     {empty, topology.Step{Verb: topology.Boot}, `cannot do "boot": the step names no appliance`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := topology.Apply(c.f, c.s)
			require.EqualError(t, err, c.says)
		})
	}
}

func TestUndoingWhatNeverHappenedChangesNothing(t *testing.T) {
	t.Parallel()
	_, steps := founded(t)
	for _, s := range steps {
		back, ok := s.Inverse()
		if !ok || s.Verb == topology.Move {
			continue
		}
		f, err := topology.Apply(tenantA(), back)
		require.NoError(t, err, "%s", back)
		require.Equal(t, tenantA(), f)
	}
}

func TestApplyLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	f := tenantA()
	_, steps := founded(t)
	for _, s := range steps {
		next, err := topology.Apply(f, s)
		require.NoError(t, err)
		before := topology.Settle(f)
		_, err = topology.Apply(next, s)
		require.NoError(t, err)
		require.Equal(t, before, f)
		f = next
	}
}

func TestInverseOfTheInverseIsTheStep(t *testing.T) {
	t.Parallel()
	_, steps := founded(t)
	for _, s := range steps {
		back, ok := s.Inverse()
		require.Equal(t, s.Verb != topology.Await, ok)
		if ok {
			again, _ := back.Inverse()
			require.Equal(t, s, again)
		}
	}
}
