package api

import (
	"context"
	"net/url"
	"time"

	"github.com/bumpwire/bumpwire/metering"
)

// Usage, billing records and closed windows are shown as the meter has them.
type (
	UsageRecord   = metering.UsageRecord
	BillingRecord = metering.BillingRecord
	Closed        = metering.Closed
)

// BillFilter narrows usage and billing records; empty fields let everything
// pass. A record is within [From, To) when it starts there.
type BillFilter struct {
	Tenant   string
	Vendor   string // whose services; of statements, whose they are
	Instance string
	From, To time.Time
}

func (f BillFilter) query() url.Values {
	q := url.Values{"tenant": {f.Tenant}, "instance": {f.Instance}}
	if f.Vendor != "" {
		q.Set("vendor", f.Vendor)
	}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return q
}

// Closing says up to when windows are to be closed; zero: all that are over.
type Closing struct {
	Until time.Time `json:"until,omitzero"`
}

// Usage lists usage records by time.
func (c *Client) Usage(ctx context.Context, f BillFilter) ([]UsageRecord, error) {
	return list[UsageRecord](ctx, c, f.query(), "usage")
}

// Bills lists billing records by time.
func (c *Client) Bills(ctx context.Context, f BillFilter) ([]BillingRecord, error) {
	return list[BillingRecord](ctx, c, f.query(), "bills")
}

// ExportBills lists billing records as a file: csv (RFC 4180), focus (FOCUS 1.2, also
// CSV) or html.
func (c *Client) ExportBills(ctx context.Context, f BillFilter, format string) ([]byte, error) {
	q := f.query()
	q.Set("format", format)
	var b []byte
	return b, c.get(ctx, q, &b, "bills")
}

// Bill reads one billing record.
func (c *Client) Bill(ctx context.Context, id string) (b BillingRecord, err error) {
	return b, c.get(ctx, nil, &b, "bills", id)
}

// CloseBills closes metering windows now instead of at their scheduled time. It
// answers what was closed, which is nothing when all is closed already.
func (c *Client) CloseBills(ctx context.Context, until time.Time) (closed Closed, err error) {
	return closed, c.call(ctx, "POST", nil, Closing{Until: until}, &closed, "bills", "close")
}
