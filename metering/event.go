package metering

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Event is a quantity that an appliance reports of a dimension of its vendor's. The
// source chooses the id: an event that is sent again with its id counts once.
type Event struct {
	ID        string          `json:"id"` // 1 to MaxEventID bytes; unique for ever in the life of an instance
	Dimension string          `json:"dimension"`
	Quantity  decimal.Decimal `json:"quantity"` // 0 to 10^15, at most 9 decimal places, in the base unit of the dimension's price: see catalog.BaseUnit
	Time      time.Time       `json:"time"`     // when it was used
}

const (
	// MaxEventID is the longest id of an event in bytes.
	MaxEventID = 128
	// MaxEvents is how many events may be reported together.
	MaxEvents = 1000
	// ahead is how far an appliance's clock may be in front of the broker's.
	ahead = 5 * time.Minute
	// DefaultRetention is how old an event may be: a year and a month of arrears.
	DefaultRetention = 400 * 24 * time.Hour
)

// Outcome is what became of an event that was reported.
type Outcome string

const (
	Accepted  Outcome = "accepted"  // on disk, and will be counted once
	Duplicate Outcome = "duplicate" // it was accepted before, with the same content
	Conflict  Outcome = "conflict"  // another event was accepted with this id
	Refused   Outcome = "refused"   // it will never be counted, for the reason given
)

// Fate is an event with what became of it.
type Fate struct {
	ID      string  `json:"id"`
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // of conflict and refused: one sentence

	Given  *Event `json:"given,omitempty"`  // of a conflict: what was sent now
	Stored *Event `json:"stored,omitempty"` // of a conflict: what was accepted before
}

// refusal is what is wrong with an event in itself; empty: nothing. The exponent is
// looked at first: a quantity of 1e999999999 must not be written out.
func (e Event) refusal(now time.Time, retention time.Duration) string {
	switch {
	case e.ID == "" || len(e.ID) > MaxEventID || !utf8.ValidString(e.ID):
		return fmt.Sprintf("an event's id has 1 to %d bytes of text", MaxEventID)
	case e.Quantity.Exponent() < -9 || e.Quantity.Exponent() > 15 || e.Quantity.IsNegative() || e.Quantity.GreaterThan(decimal.New(1, 15)):
		return "a quantity is 0 to 10^15 with at most 9 decimal places"
	case catalog.OwnDimension(e.Dimension):
		return fmt.Sprintf("the dimension %q is metered by the broker and cannot be reported", e.Dimension)
	case e.Time.IsZero():
		return "the time is missing: when it was used"
	case e.Time.After(now.Add(ahead)):
		return fmt.Sprintf("the time is more than %s in the future", ahead)
	case e.Time.Before(now.Add(-retention)):
		return fmt.Sprintf("the time is more than %d days ago", int(retention.Hours()/24))
	}
	return ""
}

// same says whether two events say the same, however they are written.
func (e Event) same(o Event) bool {
	return e.ID == o.ID && e.Dimension == o.Dimension && e.Quantity.Equal(o.Quantity) && e.Time.Equal(o.Time)
}

// reported is an event as it is kept: with what says which tally counts it, which is
// settled when it is accepted.
type reported struct {
	Event
	Instance topology.InstanceID `json:"instance"`
	Life     int                 `json:"life"`
	Plan     catalog.PlanID      `json:"plan"`
	Length   time.Duration       `json:"length"` // of the window, in nanoseconds
	Received time.Time           `json:"received"`
}

// windowID is of the window of a tally in which the event is counted.
func (e reported) windowID() string {
	t := newTally(e)
	return t.windowID(t.number(e.Time))
}

// latest is the instance that has the id now, or had it last, and which of those that
// had it that is: the number of the first event of its history.
func latest(i provision.Instance) (_ provision.Instance, life int) {
	if len(i.History) == 0 {
		return i, 0
	}
	all := lives(i)
	last := all[len(all)-1]
	return last, last.History[0].Seq
}

// planAt is the plan of an instance at a moment; ok is false when it was not active.
func planAt(i provision.Instance, at time.Time) (plan catalog.PlanID, ok bool) {
	for n, e := range i.History {
		last := n+1 == len(i.History)
		if e.State == provision.Active && !at.Before(e.At) && (last || at.Before(i.History[n+1].At)) {
			return e.Plan, true
		}
	}
	return "", false
}

// eventID is the id of the document of an event: of instance, its life and the
// source's id alone, so that no second event can have them.
func eventID(instance topology.InstanceID, life int, id string) string {
	return digestOf(string(instance), strconv.Itoa(life), id)
}
