package metering

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// UsageRecord is how much of a dimension an instance used in a window. It is
// immutable.
type UsageRecord struct {
	ID        string              `json:"id"`     // of instance, its life, dimension and window; orders by time
	Tenant    topology.TenantID   `json:"tenant"` // whose bill it is for: provision.OperatorAccount for the operator's
	Platform  string              `json:"platform"`
	Instance  topology.InstanceID `json:"instance"`
	Name      string              `json:"instance_name"` // when it was metered
	Service   catalog.ServiceID   `json:"service"`
	Region    string              `json:"region,omitempty"` // as provision.Instance has it
	Dimension string              `json:"dimension"`
	Window    Window              `json:"window"`
	Seconds   decimal.Decimal     `json:"seconds"`          // sum over Spans, exact
	Spans     []Span              `json:"spans"`            // of time: in order, without overlap, never empty
	Meters    []Reading           `json:"meters,omitempty"` // of time: what Seconds alone does not say
	sizes     []Reading           // of time: what events say of vCPUs and memory

	// Of a dimension that is reported: the quantity, and the plan it was used on. When
	// more was reported after it was counted, that is a further record, with the number
	// of the Part, 2 and so on.
	Quantity decimal.Decimal `json:"quantity,omitzero"`
	Plan     catalog.PlanID  `json:"plan,omitempty"`
	Part     int             `json:"part,omitempty"`
	Booked   time.Time       `json:"booked,omitzero"` // when the last of it came, if that was after its window was due to close

	// Of a service that the provider inserted: the tenant that it serves, when that is
	// not who is billed, and whether nobody is.
	Serves topology.TenantID `json:"serves,omitempty"`
	Free   bool              `json:"free,omitempty"`
}

// Span is a time in which an instance was active on one plan.
type Span struct {
	Plan    catalog.PlanID  `json:"plan"`
	Start   time.Time       `json:"start"`
	End     time.Time       `json:"end"` // exclusive
	Seconds decimal.Decimal `json:"seconds"`
}

// Usage is what the instance used in the window, by its history; ok is false when
// it was not active at all. Each event's state and plan hold until the next
// event; the last event's hold on. The window must have ended, or time that is yet
// to come is counted. The history must be one life's: when an id was used again,
// each instance that had it has its own record.
func Usage(i provision.Instance, w Window) (u UsageRecord, ok bool) {
	u = UsageRecord{
		ID:     recordID(w.Start, usageFacts(i)...),
		Tenant: i.Tenant, Platform: i.Platform, Instance: i.ID, Name: i.Name, Service: i.Service, Region: i.Region,
		Dimension: catalog.DimensionInstance, Window: w, Seconds: decimal.Zero,
	}
	u.assign(i.Provider)
	for n, e := range i.History {
		end := w.End
		if n+1 < len(i.History) {
			end = i.History[n+1].At
		}
		part, inside := w.clip(e.At, end)
		if e.State == provision.Active && inside {
			u.add(e.Plan, part)
			u.meter(e, part)
		}
	}
	return u, len(u.Spans) > 0
}

// assign says for whose bill usage of a service is that the provider inserted.
func (u *UsageRecord) assign(p *provision.Provider) {
	if p == nil {
		return
	}
	switch p.Bill {
	case provision.OperatorPays:
		u.Tenant, u.Serves = provision.OperatorAccount, u.Tenant
	case provision.NobodyPays:
		u.Free = true
	case provision.TenantPays:
	}
}

// plans are those that the usage is of.
func (u UsageRecord) plans() []catalog.PlanID {
	if u.Part > 0 {
		return []catalog.PlanID{u.Plan}
	}
	plans := make([]catalog.PlanID, len(u.Spans))
	for n, s := range u.Spans {
		plans[n] = s.Plan
	}
	return plans
}

// usageFacts tell an instance's usage from any other's. A later life of an id is
// known by the number of its first event, which never changes.
func usageFacts(i provision.Instance) []string {
	facts := []string{string(i.ID), catalog.DimensionInstance}
	if len(i.History) > 0 && i.History[0].Seq > 1 {
		facts = append(facts, strconv.Itoa(i.History[0].Seq))
	}
	return facts
}

// add appends a time, or lengthens the last span that it continues: events that
// change neither state nor plan (a binding) must not split a line.
func (u *UsageRecord) add(plan catalog.PlanID, part Window) {
	if n := len(u.Spans) - 1; n >= 0 && u.Spans[n].Plan == plan && u.Spans[n].End.Equal(part.Start) {
		part.Start = u.Spans[n].Start
		u.Seconds = u.Seconds.Sub(u.Spans[n].Seconds)
		u.Spans = u.Spans[:n]
	}
	s := Span{Plan: plan, Start: part.Start.UTC(), End: part.End.UTC(), Seconds: seconds(part.Start, part.End)}
	u.Seconds = u.Seconds.Add(s.Seconds)
	u.Spans = append(u.Spans, s)
}

// seconds is exact: a decimal with up to nine places.
func seconds(start, end time.Time) decimal.Decimal {
	return decimal.New(end.Sub(start).Nanoseconds(), -9)
}

// timeForm has a fixed width, so that ids order by time.
const timeForm = "20060102T150405.000000000Z"

// recordID is the same for the same facts on every broker. Instance ids are
// foreign text of any length, so they go in as a digest.
func recordID(start time.Time, facts ...string) string {
	return start.UTC().Format(timeForm) + "-" + digestOf(facts...)
}

// digestOf is short and differs where the facts do.
func digestOf(facts ...string) string {
	var text []byte
	for _, f := range facts {
		text = append(append(strconv.AppendInt(text, int64(len(f)), 10), ':'), f...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
