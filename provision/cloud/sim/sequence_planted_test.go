package sim_test

import (
	"context"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// planting has the planner's steps changed.
func planting(change func([]topology.Step) []topology.Step) func(*play) {
	return func(p *play) {
		p.plan = func(have, want topology.Fabric) ([]topology.Step, error) {
			steps, err := topology.Plan(have, want)
			if len(only(steps, topology.Move)) > 0 || len(only(steps, topology.SetRedirect)) > 0 {
				steps = change(steps)
			}
			return steps, err
		}
	}
}

func only(steps []topology.Step, v topology.Verb) []topology.Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s topology.Step) bool { return s.Verb != v })
}

func without(steps []topology.Step, v topology.Verb) []topology.Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s topology.Step) bool { return s.Verb == v })
}

func moves(s topology.Step) bool { return s.Verb == topology.Move }

// gapInRules makes two steps of one that changes a rule.
func gapInRules(steps []topology.Step) []topology.Step {
	var all []topology.Step
	for _, s := range steps {
		if s.Verb == topology.SetRedirect && s.Was != nil && s.Redirect != nil {
			first, second := s, s
			first.Redirect, second.Was = nil, nil
			all = append(all, first, second)
			continue
		}
		all = append(all, s)
	}
	return all
}

// handing has the cloud drift after each move.
func handing(drift func(s topology.Step, f *topology.Fabric)) func(*play) {
	return func(p *play) { p.hands = &unsteady{p.sim, drift} }
}

// unsteady hands do more than they are told.
type unsteady struct {
	*sim.Cloud
	drift func(topology.Step, *topology.Fabric)
}

func (u *unsteady) Do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	err := u.Cloud.Do(ctx, tenant, s)
	if err == nil && s.Verb == topology.Move {
		err = u.Drift(tenant, func(f *topology.Fabric) { u.drift(s, f) })
	}
	return err
}

// pastAll plugs gateways in at home once something moves in the middle of a chain.
func pastAll(s topology.Step, f *topology.Fabric) {
	if s.Appliance == nil {
		return
	}
	for i := range f.Gateways {
		for j := range f.Gateways[i].Plugs {
			if p := &f.Gateways[i].Plugs[j]; slices.Contains(s.Serves, p.Home) {
				p.At = p.Home
			}
		}
	}
}

// joining plugs the free inside legs of an appliance into a network.
func joining(network string) func(topology.Step, *topology.Fabric) {
	return func(_ topology.Step, f *topology.Fabric) {
		id := topology.NetworkID(string(f.Tenant) + "-" + network)
		if network == "other" {
			id = topology.NetworkID(strings.NewReplacer("a", "b", "b", "a").Replace(string(f.Tenant)) + "-n0")
		}
		for i := range f.Appliances {
			for j := range f.Appliances[i].Legs {
				if l := &f.Appliances[i].Legs[j]; l.Role == topology.Outside && l.At != "" {
					l.At = id
				}
			}
		}
	}
}
