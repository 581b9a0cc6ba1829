package metering

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Filter narrows a listing; zero fields let everything pass. A record is within
// [From, To) when it starts there.
type Filter struct {
	Tenant   topology.TenantID
	Vendor   string // of statements only
	Instance topology.InstanceID
	Service  catalog.ServiceID
	Services []catalog.ServiceID // any of these; nil lets everything pass
	From, To time.Time

	After string // a record's id: only later ones, to page on
	Limit int    // at most so many; 0: all
}

// Usage lists usage records by time.
func (m *Meter) Usage(ctx context.Context, f Filter) ([]UsageRecord, error) {
	return ordered(m.used(ctx, f), f, func(u UsageRecord) string { return u.ID })
}

// Bills lists billing records by time.
func (m *Meter) Bills(ctx context.Context, f Filter) ([]BillingRecord, error) {
	return ordered(m.billed(ctx, f), f, func(b BillingRecord) string { return b.ID })
}

// Bill is one billing record. fault.NotFound when there is none with that id.
func (m *Meter) Bill(ctx context.Context, id string) (BillingRecord, error) {
	none := fault.New(fault.NotFound, "there is no billing record %q", id)
	start, ok := startOf(id)
	if !ok {
		return BillingRecord{}, none
	}
	for b, err := range m.billed(ctx, Filter{From: start, To: start.Add(1)}) {
		if err != nil || b.ID == id {
			return b, err
		}
	}
	return BillingRecord{}, none
}

// Windows lists what was closed, by time. Of the filter only From, To and Limit
// count.
func (m *Meter) Windows(ctx context.Context, f Filter) ([]Closed, error) {
	return list(ctx, m.windows, Filter{From: f.From, To: f.To, Limit: f.Limit}, func(c Closed) head {
		return head{start: c.Start}
	})
}

// ClosedUntil is the time before which every window is closed; zero when none is.
func (m *Meter) ClosedUntil(ctx context.Context) (time.Time, error) {
	p, err := m.progress.Get(ctx, progressID)
	if errors.Is(err, fault.NotFound) {
		return time.Time{}, nil
	}
	return p.Until, err
}

// Total is what a tenant owes in one currency.
type Total struct {
	Tenant   topology.TenantID `json:"tenant"`
	Currency string            `json:"currency"`
	Amount   decimal.Decimal   `json:"amount"`
	Records  int               `json:"records"`
}

// Totals sums billing records by tenant and currency, in that order.
func (m *Meter) Totals(ctx context.Context, f Filter) ([]Total, error) {
	bills, err := m.Bills(ctx, f)
	if err != nil {
		return nil, err
	}
	return Sum(bills), nil
}

// Sum is the totals of some billing records.
func Sum(bills []BillingRecord) []Total {
	totals := []Total{}
	for _, b := range bills {
		n := slices.IndexFunc(totals, func(t Total) bool { return t.Tenant == b.Tenant && t.Currency == b.Currency })
		if n < 0 {
			n = len(totals)
			totals = append(totals, Total{Tenant: b.Tenant, Currency: b.Currency, Amount: decimal.Zero})
		}
		totals[n].Amount = totals[n].Amount.Add(b.Amount)
		totals[n].Records++
	}
	slices.SortFunc(totals, func(a, b Total) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Currency, b.Currency))
	})
	return totals
}

// head is what a listing needs of a record.
type head struct {
	tenant   topology.TenantID
	instance topology.InstanceID
	service  catalog.ServiceID
	start    time.Time
}

func (u UsageRecord) head() head { return head{u.Tenant, u.Instance, u.Service, u.Window.Start} }

func (b BillingRecord) head() head { return head{b.Tenant, b.Instance, b.Service, b.Start} }

func (f Filter) passes(h head) bool {
	return (f.Tenant == "" || f.Tenant == h.tenant) && (f.Instance == "" || f.Instance == h.instance) &&
		(f.Service == "" || f.Service == h.service) && (f.Services == nil || slices.Contains(f.Services, h.service)) && !h.start.Before(f.From)
}

// query uses the most selective index. Ids begin with the time, so a time is a place
// to start from.
func (f Filter) query() store.Query {
	q := store.Query{After: f.After, Limit: store.DefaultLimit}
	if !f.From.IsZero() {
		q.After = max(q.After, f.From.UTC().Format(timeForm[:len(timeForm)-1]))
	}
	switch {
	case f.Instance != "":
		q.Key, q.Value = "instance", instanceKey(f.Instance)
	case f.Tenant != "":
		q.Key, q.Value = "tenant", string(f.Tenant)
	}
	return q
}

func list[T any](ctx context.Context, c store.Collection[T], f Filter, of func(T) head) ([]T, error) {
	found := []T{}
	for record, err := range passing(ctx, c, f, of) {
		if err != nil {
			return nil, err
		}
		if found = append(found, record); f.Limit > 0 && len(found) == f.Limit {
			break
		}
	}
	return found, nil
}

// passing goes through the records that the filter lets pass, page by page. An error is
// the last thing it yields.
func passing[T any](ctx context.Context, c store.Collection[T], f Filter, of func(T) head) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for record, err := range c.From(ctx, f.query()) {
			if err != nil {
				yield(record, err)
				return
			}
			h := of(record)
			if !f.To.IsZero() && !h.start.Before(f.To) {
				return
			}
			if f.passes(h) && !yield(record, nil) {
				return
			}
		}
	}
}

// instanceKey is an instance's index: a digest, because ids are foreign text of
// any length.
func instanceKey(id topology.InstanceID) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}
