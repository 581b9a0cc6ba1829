package provision

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/bumpwire/bumpwire/ovf"
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
	return s.usageKey(*i), nil
}

func (s *Service) usageKey(i Instance) []byte {
	return s.key.Derive(fmt.Sprintf("usage %d %d:%s", lifeOf(i.History), len(i.ID), i.ID))
}

// reporting are the values of properties that tell an appliance how to sign what it reports.
func (s *Service) reporting(i Instance, pkg *ovf.Package) map[string]string {
	values := map[string]string{}
	for _, p := range pkg.Properties() {
		switch {
		case p.Fill == nil:
		case p.Fill.Kind == ovf.FillUsageKey:
			values[p.ID] = hex.EncodeToString(s.usageKey(i))
		case p.Fill.Kind == ovf.FillInstance:
			values[p.ID] = string(i.ID)
		}
	}
	return values
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
