package broker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// records is the filter of a query: a tenant's user reads its own only.
func (c *call) records() (metering.Filter, error) {
	f := metering.Filter{
		Tenant:   topology.TenantID(cmp.Or(c.who.tenantOnly(), c.query.Get("tenant"))),
		Instance: topology.InstanceID(c.query.Get("instance")),
	}
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		text := c.query.Get(name)
		if text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return f, fault.New(fault.Invalid, "%s is not a moment such as 2026-01-31T00:00:00Z", name)
		}
		*into = t.UTC()
	}
	return f, nil
}

func (s *Server) listUsage(ctx context.Context, c *call) (api.List[api.UsageRecord], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.UsageRecord]{}, err
	}
	all, err := s.Meter.Usage(ctx, f)
	return api.List[api.UsageRecord]{Items: all}, err
}

// listBills is JSON, or CSV for a spreadsheet.
func (s *Server) listBills(ctx context.Context, c *call) (any, error) {
	f, err := c.records()
	if err != nil {
		return nil, err
	}
	all, err := s.Meter.Bills(ctx, f)
	if err != nil {
		return nil, err
	}
	switch format := c.query.Get("format"); format {
	case "", "json":
		return api.List[api.BillingRecord]{Items: all}, nil
	case "csv":
		var b bytes.Buffer
		if err := metering.WriteCSV(&b, all); err != nil {
			return nil, fmt.Errorf("cannot write bills as csv: %w", err)
		}
		c.w.Header().Set("Content-Disposition", `attachment; filename="bills.csv"`)
		return content{"text/csv; charset=utf-8", b.Bytes()}, nil
	default:
		return nil, fault.New(fault.Invalid, "bills come as json or csv, not %.20q", format)
	}
}

func (s *Server) showBill(ctx context.Context, c *call) (api.BillingRecord, error) {
	id := c.vars["bill"]
	b, err := s.Meter.Bill(ctx, id)
	if err == nil && !c.who.sees(string(b.Tenant)) {
		return api.BillingRecord{}, fault.New(fault.NotFound, "there is no billing record %q", id)
	}
	return b, err
}

func (s *Server) closeBills(ctx context.Context, _ *call, until api.Closing) (api.Closed, error) {
	if until.Until.IsZero() {
		return s.Meter.CatchUp(ctx)
	}
	return s.Meter.Close(ctx, until.Until)
}
