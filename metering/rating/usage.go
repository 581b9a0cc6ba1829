package rating

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Key says what usage is of. Usage of one key adds up.
type Key struct {
	Tenant    topology.TenantID   `json:"tenant"`           // who is billed
	Serves    topology.TenantID   `json:"serves,omitempty"` // whom a service of the provider serves, when that is another
	Platform  string              `json:"platform,omitempty"`
	Service   catalog.ServiceID   `json:"service"`
	Plan      catalog.PlanID      `json:"plan"`
	Instance  topology.InstanceID `json:"instance"`
	Life      int                 `json:"life,omitempty"` // which instance of that id: the number of its history's first event, when not 1
	Dimension string              `json:"dimension"`
	Region    string              `json:"region,omitempty"` // where the instance is, for its life; empty: in the first region
}

// account is the key without dimension: the use of a plan by an instance.
func (k Key) account() Key {
	k.Dimension = ""
	return k
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Tenant, o.Tenant), cmp.Compare(k.Serves, o.Serves), cmp.Compare(k.Instance, o.Instance), cmp.Compare(k.Life, o.Life),
		cmp.Compare(k.Platform, o.Platform), cmp.Compare(k.Service, o.Service), cmp.Compare(k.Plan, o.Plan), cmp.Compare(k.Dimension, o.Dimension))
}

// Usage is what was used of a dimension in an interval. It is one of two kinds: a
// quantity that came together in the interval (bytes), or something that lasted for
// all of it (an instance, its vCPUs), whose quantity is Level × seconds.
type Usage struct {
	ID string `json:"id"` // unique; the usage record's
	Key
	Start     time.Time       `json:"start"`
	End       time.Time       `json:"end"`                // exclusive, not before Start
	Level     decimal.Decimal `json:"level,omitzero"`     // of what lasts: how many there were at once
	Quantity  decimal.Decimal `json:"quantity,omitzero"`  // of anything else, in Unit
	Unit      string          `json:"unit,omitempty"`     // "byte", …; of what lasts that of Quantity, none for seconds
	Failed    decimal.Decimal `json:"failed,omitzero"`    // of what lasts: seconds of it in which it did not work
	Degraded  decimal.Decimal `json:"degraded,omitzero"`  // seconds in which only a part of it worked
	Bypassed  decimal.Decimal `json:"bypassed,omitzero"`  // seconds in which traffic got past it
	Suspended decimal.Decimal `json:"suspended,omitzero"` // seconds in which the operator had it suspended
	Began     time.Time       `json:"began,omitzero"`     // when the instance was active for the first time; the same in all usage of it; zero: no trial, no one-off fee
}

// base is the unit in which the usage is counted.
func (u Usage) base() string {
	if !u.Level.IsZero() {
		return cmp.Or(u.Unit, catalog.UnitSecond)
	}
	return u.Unit
}

// within is how much of the usage counts in a period, and whether it has to do with
// it at all. What lasted for no time has not been.
func (u Usage) within(p Period) (quantity decimal.Decimal, ok bool) {
	if u.Level.IsZero() {
		return u.Quantity, p.Contains(u.Start)
	}
	part, ok := p.clip(Period{u.Start, u.End})
	if !ok {
		return decimal.Zero, false
	}
	return u.Level.Mul(seconds(part.length())), true
}

// seconds is exact: a decimal with up to nine places.
func seconds(d time.Duration) decimal.Decimal { return decimal.New(d.Nanoseconds(), -9) }

func (u Usage) check() error {
	switch {
	case u.ID == "":
		return fault.New(fault.Invalid, "usage has no id")
	case u.End.Before(u.Start):
		return fault.New(fault.Invalid, "usage %q ends before it starts", u.ID)
	case u.Level.IsNegative() || u.Quantity.IsNegative():
		return fault.New(fault.Invalid, "usage %q is negative; what was reported wrongly is corrected at its source", u.ID)
	case !u.Level.IsZero() && !u.Quantity.IsZero():
		return fault.New(fault.Invalid, "usage %q has a level and a quantity; it is one or the other", u.ID)
	case !u.Level.IsZero() && !lasts(u.base()):
		return fault.New(fault.Invalid, "usage %q has a level, and %q is no unit of what lasts", u.ID, u.Unit)
	}
	return nil
}

// lasts says whether a base unit is of seconds, or of something times seconds.
func lasts(base string) bool {
	_, _, ok := catalog.LevelUnit(base)
	return ok
}

// Evidence is the usage that a line rests on: so many records of the line's key, in
// the line's time, and the digest over them. Lines do not list the records, because
// a month of hourly windows has more than seven hundred.
type Evidence struct {
	Records int    `json:"records"`
	Digest  string `json:"digest"` // SHA-256, hexadecimal; see EvidenceOf
}

// EvidenceOf is the evidence of usage, whatever its order: the digest is over a line for each
// record, ordered by id, of id, start and end in RFC 3339, level, quantity and unit.
func EvidenceOf(usage []Usage) Evidence {
	sorted := slices.SortedFunc(slices.Values(usage), func(a, b Usage) int { return cmp.Compare(a.ID, b.ID) })
	h := sha256.New()
	for _, u := range sorted {
		fmt.Fprintf(h, "%q %s %s %s %s %q\n", u.ID, u.Start.UTC().Format(time.RFC3339Nano), u.End.UTC().Format(time.RFC3339Nano), u.Level, u.Quantity, u.Unit)
	}
	return Evidence{len(sorted), hex.EncodeToString(h.Sum(nil))}
}
