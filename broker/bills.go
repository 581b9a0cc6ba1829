package broker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
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

// sold is the filter of a query that may name a vendor: then of its services only.
func (s *Server) sold(ctx context.Context, c *call) (metering.Filter, error) {
	f, err := c.records()
	vendor := c.query.Get("vendor")
	if err != nil || vendor == "" {
		return f, err
	}
	seller, err := s.seller(ctx)
	f.Services = seller.Of(vendor)
	return f, err
}

func (s *Server) listUsage(ctx context.Context, c *call) (api.List[api.UsageRecord], error) {
	f, err := s.sold(ctx, c)
	if err != nil {
		return api.List[api.UsageRecord]{}, err
	}
	all, err := s.Meter.Usage(ctx, f)
	return api.List[api.UsageRecord]{Items: s.regions().Usage(all)}, err
}

// listBills is JSON, CSV for a spreadsheet, FOCUS for a finance department, or a page
// to be printed.
func (s *Server) listBills(ctx context.Context, c *call) (any, error) {
	f, err := s.sold(ctx, c)
	if err != nil {
		return nil, err
	}
	all, err := s.Meter.Bills(ctx, f)
	if err != nil {
		return nil, err
	}
	all = s.regions().Bills(all)
	if format := c.query.Get("format"); format != "" && format != "json" {
		return s.exported(ctx, c, format, all)
	}
	return api.List[api.BillingRecord]{Items: all}, nil
}

// exported is billing records as a file.
func (s *Server) exported(ctx context.Context, c *call, format string, bills []api.BillingRecord) (content, error) {
	seller, err := s.seller(ctx)
	if err != nil {
		return content{}, err
	}
	var b bytes.Buffer
	name, media := "bills.csv", "text/csv; charset=utf-8"
	switch format {
	case "csv":
		err = metering.WriteCSV(&b, bills)
	case "focus":
		name = "bills.focus.csv"
		err = focus.Write(&b, seller.Charges(bills))
	case "html":
		name, media = "statement.html", "text/html; charset=utf-8"
		err = seller.WriteHTML(&b, bills)
	default:
		return content{}, fault.New(fault.Invalid, "bills come as json, csv, focus or html, not %.20q", format)
	}
	if err != nil {
		return content{}, fmt.Errorf("cannot write bills as %s: %w", format, err)
	}
	c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	return content{media, b.Bytes()}, nil
}

// regions are named for people.
func (s *Server) regions() metering.RegionNames { return s.Provision.RegionName }

// seller is who sells, as charges name it.
func (s *Server) seller(ctx context.Context) (metering.Seller, error) {
	seller := metering.Seller{Issuer: s.Issuer, Zone: s.Meter.Zone(), Services: map[catalog.ServiceID]catalog.Service{}}
	all, err := s.Catalog.Services(ctx)
	for _, service := range all {
		seller.Services[service.ID] = service
	}
	return seller, err
}

func (s *Server) showBill(ctx context.Context, c *call) (api.BillingRecord, error) {
	id := c.vars["bill"]
	b, err := s.Meter.Bill(ctx, id)
	if err == nil && !c.who.sees(string(b.Tenant)) {
		return api.BillingRecord{}, fault.New(fault.NotFound, "there is no billing record %q", id)
	}
	b.Region = s.Provision.RegionName(b.Region)
	return b, err
}

func (s *Server) closeBills(ctx context.Context, _ *call, until api.Closing) (api.Closed, error) {
	if until.Until.IsZero() {
		return s.Meter.CatchUp(ctx)
	}
	return s.Meter.Close(ctx, until.Until)
}
