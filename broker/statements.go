package broker

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
)

func (s *Server) listStatements(ctx context.Context, c *call) (api.List[api.Statement], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Statement]{}, err
	}
	f.Vendor = c.query.Get("vendor")
	if own := c.who.vendorOnly(); own != "" {
		f.Tenant, f.Vendor = "", own
	}
	if c.who.tenantOnly() != "" {
		f.Vendor = ""
	}
	all, err := s.Meter.Statements(ctx, f)
	return api.List[api.Statement]{Items: all}, err
}

// statement is the one that a route names, if the caller may see it.
func (s *Server) statement(ctx context.Context, c *call) (api.Statement, error) {
	unknown := fault.New(fault.NotFound, "there is no statement %q", c.vars["statement"])
	number, err := strconv.Atoi(c.vars["statement"])
	if err != nil || number < 1 {
		return api.Statement{}, unknown
	}
	found, err := s.Meter.Statement(ctx, number)
	if err == nil && (found.Vendor == "" && !c.who.sees(string(found.Tenant)) || found.Vendor != "" && !c.who.sells(found.Vendor)) {
		return api.Statement{}, unknown
	}
	found.Lines = s.regions().Lines(found.Lines)
	return found, err
}

// showStatement is JSON, CSV for a spreadsheet, FOCUS for a finance department, or a page to be printed.
func (s *Server) showStatement(ctx context.Context, c *call) (any, error) {
	found, err := s.statement(ctx, c)
	if err != nil {
		return nil, err
	}
	switch format := c.query.Get("format"); format {
	case "", "json":
		return found, nil
	case "csv":
		var b bytes.Buffer
		if err := found.WriteLines(&b); err != nil {
			return nil, fmt.Errorf("cannot write statement %d as csv: %w", found.Number, err)
		}
		c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"statement-%d.csv\"", found.Number))
		return content{"text/csv; charset=utf-8", b.Bytes()}, nil
	case "html":
		seller, err := s.seller(ctx)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := seller.WriteStatement(&b, found); err != nil {
			return nil, fmt.Errorf("cannot write statement %d as html: %w", found.Number, err)
		}
		c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"statement-%d.html\"", found.Number))
		return content{"text/html; charset=utf-8", b.Bytes()}, nil
	case "focus":
		if found.Vendor != "" {
			return nil, fault.New(fault.Invalid, "a vendor's statement comes as json, csv or html: FOCUS is for what is billed")
		}
		seller, err := s.seller(ctx)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := focus.Write(&b, seller.LineCharges(found.Lines, found.Period)); err != nil {
			return nil, fmt.Errorf("cannot write statement %d as focus: %w", found.Number, err)
		}
		c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=\"statement-%d.focus.csv\"", found.Number))
		return content{"text/csv; charset=utf-8", b.Bytes()}, nil
	default:
		return nil, fault.New(fault.Invalid, "a statement comes as json, csv, focus or html, not %.20q", format)
	}
}

func (s *Server) explainLine(ctx context.Context, c *call) (api.Explanation, error) {
	found, err := s.statement(ctx, c)
	if err != nil {
		return api.Explanation{}, err
	}
	e, err := s.Meter.Explain(ctx, found.Number, c.vars["line"])
	return s.regions().Explanation(e), err
}

// previewStatement tells a tenant its own next statement, a vendor its own, and an operator any.
func (s *Server) previewStatement(ctx context.Context, c *call) (p api.StatementPreview, err error) {
	f, err := c.records()
	if err != nil {
		return p, err
	}
	by, err := metering.ParseGrouping(c.query.Get("by"))
	if err != nil {
		return p, err
	}
	if own := c.who.vendorOnly(); own != "" {
		f.Tenant, f.Vendor = "", own
	} else if c.who.tenantOnly() == "" {
		f.Vendor = c.query.Get("vendor")
	}
	switch {
	case f.Tenant != "" && f.Vendor != "":
		return p, fault.New(fault.Invalid, "a preview is of a tenant's statement or of a vendor's, not of both")
	case f.Vendor != "":
		p, err = s.Meter.PreviewVendor(ctx, f.Vendor)
	default:
		p, err = s.Meter.Preview(ctx, f.Tenant)
	}
	p = s.regions().Preview(p)
	if err != nil || !c.query.Has("by") {
		return p, err
	}
	seller, err := s.seller(ctx)
	return p.Summed(by, seller), err
}

func (s *Server) verifyStatements(ctx context.Context, _ *call) (api.Chain, error) {
	return s.Meter.Verify(ctx)
}
