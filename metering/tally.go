package metering

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// tally is what one instance reported of one dimension in a month of UTC, on one plan, window by
// window. It holds what was counted already, and for which windows there is more to count.
//
//	          an event is stored              counting begins
//	(absent) ────────────────────▶ due ───────────────────────▶ counting
//	                                ▲                               │
//	                                └──────────── done ◀────────────┘
//	                                 an event is stored
//
// An event is stored first and its window made due then, before it is acknowledged.
// Counting takes the mark away first and reads the events then. So an event that
// counting missed was stored after the mark went, and makes the window due again. A
// window that is counting when a broker dies is counted again.
type tally struct {
	ID        string              `json:"id"` // orders by time
	Instance  topology.InstanceID `json:"instance"`
	Life      int                 `json:"life"`
	Dimension string              `json:"dimension"`
	Plan      catalog.PlanID      `json:"plan"`
	Month     time.Time           `json:"month"`  // its beginning
	Length    time.Duration       `json:"length"` // of its windows, in nanoseconds

	whose // by the history

	Counts series `json:"counts,omitempty"` // of the windows that were counted once and in time, and that is all
	Rows   []row  `json:"rows,omitempty"`   // the other windows, in order
	Round  int    `json:"round,omitempty"`  // how often counting began

	Sampled int `json:"sampled,omitempty"` // of what was read from counters: the number of the sum that was entered last; see odometer
}

// whose says whose usage it is.
type whose struct {
	Tenant   topology.TenantID `json:"tenant"` // whose bill it is for: provision.OperatorAccount for the operator's
	Platform string            `json:"platform"`
	Name     string            `json:"instance_name"` // when it was metered
	Service  catalog.ServiceID `json:"service"`
	Region   string            `json:"region,omitempty"` // as provision.Instance has it

	// Of a service that the provider inserted: the tenant that it serves, when that is
	// not who is billed, and whether nobody is.
	Serves topology.TenantID `json:"serves,omitempty"`
	Free   bool              `json:"free,omitempty"`
}

// row is one window of a tally.
type row struct {
	Window   int    `json:"window"` // number in the month
	Due      bool   `json:"due,omitempty"`
	Counting bool   `json:"counting,omitempty"`
	Parts    []part `json:"parts,omitempty"`
}

// part is what was counted at once; there are more than one when more was reported later.
type part struct {
	Quantity decimal.Decimal `json:"quantity"`
	Booked   time.Time       `json:"booked,omitzero"` // when the last of it came, if that was after its window was due to close
}

// open says whether there is something to count, or may be.
func (r row) open() bool { return r.Due || r.Counting }

// settled says that it can go among the counts.
func (r row) settled() bool { return !r.open() && len(r.Parts) == 1 && r.Parts[0].Booked.IsZero() }

func (r row) counted() (sum decimal.Decimal) {
	for _, p := range r.Parts {
		sum = sum.Add(p.Quantity)
	}
	return sum
}

func newTally(e reported) tally {
	at := e.Time.UTC()
	t := tally{
		Instance: e.Instance, Life: e.Life, Dimension: e.Dimension, Plan: e.Plan, Length: e.Length,
		Month: time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC),
	}
	t.ID = recordID(t.Month, string(e.Instance), strconv.Itoa(e.Life), e.Dimension, string(e.Plan), e.Length.String())
	return t
}

// number is that of the window in which a moment of the month lies.
func (t tally) number(at time.Time) int { return int(at.Sub(t.Month) / t.Length) }

func (t tally) window(number int) Window {
	start := t.Month.Add(time.Duration(number) * t.Length)
	return Window{start, start.Add(t.Length)}
}

// row is a window, taken out of where it stands; new when it is there for the first time.
func (t *tally) row(window int) *row {
	n, found := slices.BinarySearchFunc(t.Rows, window, func(r row, w int) int { return cmp.Compare(r.Window, w) })
	if found {
		return &t.Rows[n]
	}
	r := row{Window: window}
	if at, counted := t.Counts.find(window); counted {
		r.Parts = []part{{Quantity: t.Counts[at].quantity}}
		t.Counts = slices.Delete(slices.Clone(t.Counts), at, at+1)
	}
	t.Rows = slices.Insert(t.Rows, n, r)
	return &t.Rows[n]
}

// look is a window as it stands, without taking it out.
func (t tally) look(window int) row {
	t.Rows = slices.Clone(t.Rows)
	return *t.row(window)
}

// settle puts the rows that are done among the counts.
func (t *tally) settle() {
	t.Rows = slices.DeleteFunc(t.Rows, func(r row) bool {
		if r.settled() {
			t.Counts = t.Counts.with(r.Window, r.Parts[0].Quantity)
		}
		return r.settled() || !r.open() && len(r.Parts) == 0
	})
}

// open says whether there is something to count, or may be.
func (t tally) open() bool { return slices.ContainsFunc(t.Rows, row.open) }

// place is where a part is: in which window, and which of its parts it is, from 1.
type place struct{ window, number int }

// parts are what was counted, in no order.
func (t tally) parts(yield func(place, part) bool) {
	for _, c := range t.Counts {
		if !yield(place{c.window, 1}, part{Quantity: c.quantity}) {
			return
		}
	}
	for _, r := range t.Rows {
		for n, p := range r.Parts {
			if !yield(place{r.Window, n + 1}, p) {
				return
			}
		}
	}
}

// record is a part as a usage record.
func (t tally) record(at place, p part) UsageRecord {
	return UsageRecord{
		ID: t.partID(at), Tenant: t.Tenant, Platform: t.Platform, Instance: t.Instance, Name: t.Name, Service: t.Service, Region: t.Region,
		Dimension: t.Dimension, Window: t.window(at.window), Quantity: p.Quantity, Plan: t.Plan, Part: at.number, Booked: p.Booked,
		Serves: t.Serves, Free: t.Free,
	}
}

func (t tally) partID(at place) string {
	return recordID(t.window(at.window).Start, t.ID, strconv.Itoa(at.number))
}

// attribute says whose it is: a life's of an instance.
func (t *tally) attribute(i provision.Instance) {
	u := UsageRecord{Tenant: i.Tenant}
	u.assign(i.Provider)
	t.whose = whose{Tenant: u.Tenant, Platform: i.Platform, Name: i.Name, Service: i.Service, Region: i.Region, Serves: u.Serves, Free: u.Free}
}

// What a tally that is to be counted is found by.
const (
	dueKey   = "due"
	dueValue = "yes"
)

func (t tally) keys() map[string]string {
	k := map[string]string{"tenant": string(t.Tenant), "instance": instanceKey(t.Instance)}
	if t.open() {
		k[dueKey] = dueValue
	}
	return k
}
