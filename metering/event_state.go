package metering

import (
	"context"
	"errors"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// EventState is an event that was accepted, and what became of it.
type EventState struct {
	Event
	Instance topology.InstanceID `json:"instance"`
	Plan     catalog.PlanID      `json:"plan"`
	Window   Window              `json:"window"` // in which it is counted
	Received time.Time           `json:"received"`

	// Counted says that it is in one of the usage records; otherwise it will be when
	// its window is closed, or next time windows are closed if it came later.
	Counted bool     `json:"counted"`
	Usage   []string `json:"usage"` // ids of the usage records of its dimension, plan and window
}

// Event is what became of an event that the instance's appliance reported, of the
// instance that has the id now or had it last. fault.NotFound when it was never accepted.
func (m *Meter) Event(ctx context.Context, instance topology.InstanceID, id string) (EventState, error) {
	i, err := m.histories.Look(ctx, string(instance))
	if err != nil {
		return EventState{}, err
	}
	_, life := latest(*i)
	e, err := m.events.Get(ctx, eventID(instance, life, id))
	if errors.Is(err, fault.NotFound) {
		return EventState{}, fault.New(fault.NotFound, "no event %q of instance %q was accepted", id, instance)
	}
	if err != nil {
		return EventState{}, err
	}
	t := newTally(e)
	window := t.number(e.Time)
	state := EventState{Event: e.Event, Instance: e.Instance, Plan: e.Plan, Window: t.window(window), Received: e.Received, Usage: []string{}}
	now, err := m.tallies.Look(ctx, t.ID)
	if errors.Is(err, fault.NotFound) {
		return state, nil // it was not acknowledged: its source sends it again
	}
	if err != nil {
		return state, err
	}
	row := now.look(window)
	for n := range row.Parts {
		state.Usage = append(state.Usage, t.partID(place{window, n + 1}))
	}
	state.Counted = !row.open() && len(row.Parts) > 0
	return state, nil
}
