package api

import (
	"context"
	"net/url"
	"strconv"

	"github.com/bumpwire/bumpwire/metering"
)

// Statements and what is told of them are shown as the meter has them.
type (
	Statement   = metering.Statement
	Explanation = metering.Explanation
	Chain       = metering.Chain

	// StatementTotal is what is due in one currency.
	StatementTotal = metering.StatementTotal

	// StatementPreview is a statement that is not issued yet.
	StatementPreview = metering.Preview
)

// Statements lists statements by number, without their lines. Of the filter Tenant,
// Vendor, From and To count.
func (c *Client) Statements(ctx context.Context, f BillFilter) ([]Statement, error) {
	return list[Statement](ctx, c, f.query(), "statements")
}

// Statement reads one with its lines.
func (c *Client) Statement(ctx context.Context, number int) (s Statement, err error) {
	return s, c.get(ctx, nil, &s, "statements", strconv.Itoa(number))
}

// ExportStatement reads one as a file: csv, focus (FOCUS 1.2, CSV), or html to be printed.
func (c *Client) ExportStatement(ctx context.Context, number int, format string) (text []byte, err error) {
	return text, c.get(ctx, url.Values{"format": {format}}, &text, "statements", strconv.Itoa(number))
}

// ExplainLine walks from a line of a statement to its price, its usage, and the events and counts that made this.
func (c *Client) ExplainLine(ctx context.Context, number int, line string) (e Explanation, err error) {
	return e, c.get(ctx, nil, &e, "statements", strconv.Itoa(number), "lines", line)
}

// PreviewStatement rates the next statement of the filter's Tenant or Vendor without issuing it; their users need
// not name them. By sums its lines, by any of tenant, vendor, service, instance and plan with commas between and always by
// dimension; empty: the lines.
func (c *Client) PreviewStatement(ctx context.Context, whose BillFilter, by string) (p StatementPreview, err error) {
	q := whose.query()
	if by != "" {
		q.Set("by", by)
	}
	return p, c.get(ctx, q, &p, "statement-preview")
}

// VerifyStatements looks whether all statements are what was issued.
func (c *Client) VerifyStatements(ctx context.Context) (chain Chain, err error) {
	return chain, c.get(ctx, nil, &chain, "statement-chain")
}
