package cloud

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Steady is a cloud over one whose reads lag behind its writes: a call that has an
// effect returns once Observe shows it, as the contract wants. Without it the next
// plan would be made from what was so before. It needs reads that do not go
// backwards.
type Steady struct {
	Cloud
	// Every is the pause between two looks, 200 ms when zero; a call that is not
	// shown after Patience, 10 s when zero, answers a *NotYet.
	Every, Patience time.Duration
}

// Do carries out one step other than boot.
func (s Steady) Do(ctx context.Context, tenant topology.TenantID, step topology.Step) error {
	if err := s.Cloud.Do(ctx, tenant, step); err != nil || step.Verb == topology.Await {
		return err
	}
	return s.shown(ctx, tenant, step)
}

// Boot starts the appliance on its ports.
func (s Steady) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, server Server) error {
	if err := s.Cloud.Boot(ctx, tenant, a, server); err != nil {
		return err
	}
	return s.shown(ctx, tenant, topology.Step{Verb: topology.Boot, Appliance: &a})
}

// shown waits until a step's effect is seen.
func (s Steady) shown(ctx context.Context, tenant topology.TenantID, step topology.Step) error {
	every, patience := s.Every, s.Patience
	if every <= 0 {
		every = 200 * time.Millisecond
	}
	if patience <= 0 {
		patience = 10 * time.Second
	}
	for until := time.Now().Add(patience); ; {
		seen, err := s.sees(ctx, tenant, step)
		if seen || err != nil {
			return err
		}
		if time.Now().After(until) {
			return &NotYet{Reason: "the cloud does not show yet what it has done: " + step.String(), After: every}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// sees says whether the step would change nothing of what is observed.
func (s Steady) sees(ctx context.Context, tenant topology.TenantID, step topology.Step) (bool, error) {
	now, err := s.Observe(ctx, tenant)
	if errors.Is(err, fault.NotFound) {
		now, err = topology.Settle(topology.Fabric{Tenant: tenant}), nil
	}
	if err != nil {
		return false, err
	}
	after, err := topology.Apply(now, step)
	return err == nil && reflect.DeepEqual(now, after), nil
}
