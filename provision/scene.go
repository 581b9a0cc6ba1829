package provision

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Scene is the fabric of a place with what drawings tell besides: the hosts' names,
// where the cloud knows them, and how appliances are. NotFound when it has nothing.
func (s *Service) Scene(ctx context.Context, p Place) (topology.Scene, error) {
	f, err := s.Fabric(ctx, p)
	if err != nil {
		return topology.Scene{}, err
	}
	return s.sceneOf(ctx, p, f)
}

// sceneOf is the fabric of a place with what is known besides.
func (s *Service) sceneOf(ctx context.Context, p Place, f topology.Fabric) (topology.Scene, error) {
	hosts, err := s.Hosts(ctx, p)
	if err != nil {
		return topology.Scene{}, err
	}
	scene := topology.Scene{Fabric: f, Hosts: hosts, States: map[topology.ApplianceID]topology.State{}}
	for i, err := range s.living(ctx, p) {
		if err != nil {
			return topology.Scene{}, err
		}
		for n := range i.members() {
			if st := i.stateOf(n); st != (topology.State{}) {
				scene.States[i.appliance(n)] = st
			}
		}
	}
	return scene, nil
}

// stateOf is how one of an instance's appliances is.
func (i Instance) stateOf(member int) topology.State {
	st := topology.State{
		Standby: i.members() > 1 && i.StandsBy(member),
		Past:    slices.ContainsFunc(on(i.sideOf(member), i.stitches("")), i.bypasses),
	}
	switch {
	case i.Down(member):
		st.Health, st.Detail = topology.Failing, i.Health.Detail
	case i.Health.Status != HealthUnknown && i.Health.Status != "":
		st.Health = topology.Healthy
	}
	return st
}
