package metering

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// odometer is what the counters of an instance's legs said when they were read last, and what has
// passed since and stands in no tally yet. Both are one document, so that a reading counts once
// or not at all.
//
//	            an interval is planned              counters are read
//	(read until t) ────────────────────▶ open ──────────────────────────▶ (read until the interval's end)
//
// An interval has its id, which is its start, before the counters are read. Who finds it open
// (a broker died, the cloud did not answer) goes on with it, until a later end if it is later by
// then. Its reading is entered if it is still open until that end, so that of several readings
// one counts, and what has passed since the one before belongs to one interval.
type odometer struct {
	Instance topology.InstanceID `json:"instance"`
	Life     int                 `json:"life"`
	Until    time.Time           `json:"until,omitzero"`
	Open     *Window             `json:"open,omitempty"`

	// Whole says that legs which were not read before have been there since the reading before at
	// the earliest; else, at the first reading, nobody knows since when they counted.
	Whole bool                                 `json:"whole,omitempty"`
	Read  map[topology.PortID]topology.Counter `json:"read,omitempty"`

	Sums     []sum `json:"sums,omitempty"`     // in order
	Numbered int   `json:"numbered,omitempty"` // how many there were
}

// sum is what has passed in a window, on one plan.
type sum struct {
	Number int                          `json:"number"` // from 1, in the odometer's life
	Plan   catalog.PlanID               `json:"plan"`
	Window Window                       `json:"window"`
	Frozen bool                         `json:"frozen,omitempty"` // it is being booked: what comes now is another sum
	Legs   map[topology.LegRole]passage `json:"legs"`
}

// passage is what has passed legs of a role.
type passage struct {
	Received topology.Traffic `json:"received"`
	Sent     topology.Traffic `json:"sent"`
}

func odometerID(i topology.InstanceID, life int) string {
	return digestOf(string(i), decimal.NewFromInt(int64(life)).String())
}

// bookKey is what odometers are found by that have sums.
const (
	bookKey   = "sums"
	bookValue = "yes"
)

func (o odometer) keys() map[string]string {
	if len(o.Sums) > 0 {
		return map[string]string{bookKey: bookValue}
	}
	return nil
}

// plan opens an interval until the round's end, or goes on with the open one;
// store.Unchanged when it is read until then.
func (o odometer) plan(life provision.Instance, round Window) (odometer, error) {
	if o.Instance == "" {
		o.Instance, o.Life = life.ID, life.History[0].Seq
	}
	switch {
	case !o.Until.Before(round.End):
		return o, store.Unchanged
	case o.Open != nil && o.Open.End.Equal(round.End):
		return o, store.Unchanged
	case o.Open != nil:
		o.Open = &Window{o.Open.Start, round.End}
	case o.Until.IsZero():
		o.Open = &Window{round.Start, round.End}
		_, began := lifeOf([]provision.Instance{life}, o.Life)
		o.Whole = !began.Before(round.Start)
	default:
		o.Open = &Window{o.Until, round.End}
	}
	return o, nil
}

// enter enters a reading that was made for the interval that is open until an end, of an instance
// on a plan. What passed belongs to the window in which the interval ends.
func (o odometer) enter(counters []topology.Counter, plan catalog.PlanID, end time.Time, length time.Duration) (odometer, error) {
	if o.Open == nil || !o.Open.End.Equal(end) {
		return o, store.Unchanged
	}
	passed, read := map[topology.LegRole]passage{}, map[topology.PortID]topology.Counter{}
	for port, before := range o.Read {
		read[port] = before // also of legs that were not seen now: they may be again
	}
	for _, now := range counters {
		before, known := o.Read[now.Port]
		read[now.Port] = now
		if received, sent := now.Since(before); known || o.Whole {
			p := passed[now.Role]
			passed[now.Role] = passage{p.Received.And(received), p.Sent.And(sent)}
		}
	}
	o.Read, o.Until, o.Open, o.Whole = read, end, nil, true
	start := floor(end.Add(-1), length)
	o.add(passed, plan, Window{start, start.Add(length)})
	return o, nil
}

// add adds to the last sum, if it is of the window and the plan, or begins another one.
func (o *odometer) add(passed map[topology.LegRole]passage, plan catalog.PlanID, w Window) {
	for role, p := range passed {
		if p == (passage{}) {
			delete(passed, role)
		}
	}
	if len(passed) == 0 {
		return
	}
	o.Sums = slices.Clone(o.Sums)
	last := len(o.Sums) - 1
	if last < 0 || o.Sums[last].Plan != plan || o.Sums[last].Window != w || o.Sums[last].Frozen {
		o.Numbered++
		o.Sums = append(o.Sums, sum{Number: o.Numbered, Plan: plan, Window: w})
		last++
	}
	legs := map[topology.LegRole]passage{}
	for role, p := range o.Sums[last].Legs {
		legs[role] = p
	}
	for role, p := range passed {
		legs[role] = passage{legs[role].Received.And(p.Received), legs[role].Sent.And(p.Sent)}
	}
	o.Sums[last].Legs = legs
}

// final says whether a sum stays as it is: nothing that is read from now on is of its window.
func (o odometer) final(s sum) bool { return s.Frozen || !s.Window.End.After(o.Until) }

// freeze has the sums of windows that end by a time be final, also of legs that are not read until then any
// more; store.Unchanged when all of these are.
func (o odometer) freeze(until time.Time) (odometer, error) {
	o.Sums = slices.Clone(o.Sums)
	changed := false
	for n := range o.Sums {
		if s := &o.Sums[n]; !o.final(*s) && !s.Window.End.After(until) {
			s.Frozen, changed = true, true
		}
	}
	if !changed {
		return o, store.Unchanged
	}
	return o, nil
}

// without takes away sums that are booked, up to a number.
func (o odometer) without(number int) (odometer, error) {
	rest := slices.DeleteFunc(slices.Clone(o.Sums), func(s sum) bool { return s.Number <= number })
	if len(rest) == len(o.Sums) {
		return o, store.Unchanged
	}
	o.Sums = rest
	return o, nil
}

// of is how much of a leg's dimension has passed.
func (s sum) of(d catalog.LegDimension) decimal.Decimal {
	p, total := s.Legs[topology.LegRole(d.Role)], topology.Traffic{}
	if d.Received {
		total = total.And(p.Received)
	}
	if d.Sent {
		total = total.And(p.Sent)
	}
	if d.Packets {
		return decimal.NewFromUint64(total.Packets)
	}
	return decimal.NewFromUint64(total.Bytes)
}
