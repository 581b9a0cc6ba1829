package provision

import (
	"context"
	"fmt"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// UsageKey is the key with which the appliance of an instance signs what it reports:
// 32 bytes. It is the same for the instance's life, on every broker with the same
// sealing key; who has the id later has another. fault.NotFound as Tombstone.
func (s *Service) UsageKey(ctx context.Context, id topology.InstanceID) ([]byte, error) {
	i, err := s.instances.Look(ctx, string(id))
	if err != nil {
		return nil, err
	}
	return s.key.Derive(fmt.Sprintf("usage %d %d:%s", lifeOf(i.History), len(id), id)), nil
}

// lifeOf is the number of the event with which the present life of an id began, or its
// last one.
func lifeOf(history []Event) int {
	life := 0
	for n, e := range history {
		if n == 0 || history[n-1].State == Deleted && e.State != Deleted {
			life = e.Seq
		}
	}
	return life
}
