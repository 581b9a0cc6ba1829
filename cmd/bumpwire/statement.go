package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func newStatements(c *cli) *cobra.Command {
	var b between
	cmd := &cobra.Command{
		Use: "statements", Short: "List the monthly statements of tenants and vendors", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			all, err := a.Statements(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"NUMBER", "TENANT", "VENDOR", "FROM", "UNTIL", "LINES", "TOTAL"}}
			for _, s := range all {
				t.add(s.Number, s.Tenant, s.Vendor, s.Period.Start, s.Period.End, s.Count, totalsText(s))
			}
			return c.print(orEmpty(all), t)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&b.tenant, "tenant", "", "only this tenant's")
	f.StringVar(&b.vendor, "vendor", "", "only this vendor's")
	f.StringVar(&b.from, "from", "", "only of periods that start then or later, as 2026-01-31T00:00:00Z")
	f.StringVar(&b.to, "to", "", "only of periods that start before then")
	return cmd
}

func totalsText(s api.Statement) (list []string) {
	for _, t := range s.Totals {
		list = append(list, money(t.Amount, t.Currency))
	}
	return list
}

func newStatement(c *cli) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "statement NUMBER", Short: "Show a statement with its lines", Args: exactly("a number"),
		Annotations: map[string]string{anotherOutput: "html"},
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			number, err := statementNumber(args[0])
			if err != nil {
				return err
			}
			if c.output == "html" {
				format = "html"
			}
			switch format {
			case "text":
				s, err := a.Statement(ctx, number)
				if err != nil {
					return err
				}
				return c.printStatement(s)
			case "csv", "focus", "html":
				text, err := a.ExportStatement(ctx, number, format)
				if err == nil {
					_, err = c.out.Write(text)
				}
				return err
			}
			return fault.New(fault.Invalid, "--format is text, csv, focus or html, not %q", format)
		}),
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, csv, focus (FOCUS 1.2, CSV), or html (to be printed, as --output html)")
	return cmd
}

func statementNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "%q is not the number of a statement", text)
	}
	return n, nil
}

func (c *cli) printStatement(s api.Statement) error {
	if c.output == "json" {
		return c.printJSON(s)
	}
	c.say("statement %d for %s, from %s until %s, issued %s", s.Number, harmless(cmp.Or(string(s.Tenant), s.Vendor)), text(s.Period.Start), text(s.Period.End), text(s.Issued))
	return c.printLines(s.Lines, s.Totals)
}

func (c *cli) printLines(lines []rating.Line, totals []api.StatementTotal) error {
	t := table{head: []string{"LINE", "INSTANCE", "DIMENSION", "CHARGE", "FROM", "QUANTITY", "PRICE", "AMOUNT"}}
	for _, l := range lines {
		charge := string(l.Charge)
		switch {
		case l.Corrects != "":
			charge = "correction of " + charge
		case l.Refunds != "":
			charge = fmt.Sprintf("refund of %s: %s", charge, l.Reason)
		case l.Credit != "":
			charge += ": " + l.Reason
		}
		t.add(append([]any{l.ID, l.Instance}, lineCells(l, charge)[1:]...)...)
	}
	if err := c.print(lines, t); err != nil {
		return err
	}
	c.sayTotals(totals)
	return nil
}

func (c *cli) sayTotals(totals []api.StatementTotal) {
	for _, total := range totals {
		c.say("total: %s", money(total.Amount, total.Currency))
	}
}

func newBillExplain(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "explain STATEMENT LINE", Short: "Walk from a line of a statement to its price, its usage, and the events and counts that made this", Args: exactly("a statement's number", "a line"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			number, err := statementNumber(args[0])
			if err != nil {
				return err
			}
			e, err := a.ExplainLine(ctx, number, args[1])
			if err != nil {
				return err
			}
			return c.printExplanation(e)
		}),
	}
}

func (c *cli) printExplanation(e api.Explanation) error {
	if c.output == "json" {
		return c.printJSON(e)
	}
	l := e.Line
	if e.Agreement != nil {
		return c.print(e, facts("line", l.ID, "plan", l.Plan, "dimension", l.Dimension, "charge", l.Charge, "from", l.Start, "until", l.End,
			"quantity", fmt.Sprintf("%s %s", l.Quantity, l.QuantityUnit), "price", priceOf(l), "tenant's amount", money(l.Share.Of, l.Currency),
			"share", fmt.Sprintf("%s/%s", l.Share.Weight, l.Share.Whole), "agreed from", l.Share.Agreement, "amount", money(l.Amount, l.Currency)))
	}
	if e.Tax != nil {
		return c.print(e, facts("line", l.ID, "tax", e.Tax.Name, "rate", e.Tax.Percent.String()+" %", "from", e.Tax.From,
			"on", money(l.Quantity, l.Currency), "amount", money(l.Amount, l.Currency)))
	}
	if e.Credit != nil {
		return c.print(e, facts("line", l.ID, "instance", l.Instance, "amount", money(l.Amount, l.Currency), "credit", e.Credit.ID,
			"granted", e.Credit.Granted, "reason", e.Credit.Reason, "refund of", e.Credit.Line))
	}
	evidence := "it is the usage that was billed"
	if !e.Matches {
		evidence = fmt.Sprintf("not the %d records that were billed: more has come since, or the line is corrected", l.Evidence.Records)
	}
	since := e.Price.From
	if e.Promise != nil {
		since = e.Promise.From
	}
	err := c.print(e, facts("line", l.ID, "instance", l.Instance, "region", l.Region, "plan", l.Plan, "dimension", l.Dimension, "charge", l.Charge,
		"from", l.Start, "until", l.End, "quantity", fmt.Sprintf("%s %s", l.Quantity, l.QuantityUnit), "price", priceOf(l), "price from", since,
		"amount", money(l.Amount, l.Currency), "usage records", fmt.Sprintf("%d, %s", e.Evidence.Records, evidence)))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	t := table{head: []string{"USAGE", "START", "END", "QUANTITY"}}
	for _, u := range e.Usage {
		t.add(u.ID, u.Start, u.End, usageText(u))
	}
	if err := c.print(e, t); err != nil {
		return err
	}
	return c.printTrail(e)
}

// printTrail tells what made the usage.
func (c *cli) printTrail(e api.Explanation) error {
	history := table{head: []string{"AT", "EVENT", "STATE", "PLAN", "HEALTH", "WHAT"}}
	for _, h := range e.History {
		history.add(h.At, h.Seq, h.State, h.Plan, h.Health, h.Message)
	}
	counts := table{head: []string{"WINDOW", "UNTIL", "COUNTED", "EVENTS"}}
	for _, w := range e.Counts {
		var ids []string
		for _, event := range w.Events {
			ids = append(ids, event.ID)
		}
		counts.add(w.Window.Start, w.Window.End, w.Quantity, strings.Join(ids, " "))
	}
	for _, t := range []table{history, counts} {
		if len(t.rows) == 0 {
			continue
		}
		fmt.Fprintln(c.out)
		if err := c.print(e, t); err != nil {
			return err
		}
	}
	if e.Truncated {
		c.say("there are more events than are listed here")
	}
	return nil
}

// usageText is what was used.
func usageText(u rating.Usage) string {
	if u.Level.IsZero() {
		return fmt.Sprintf("%s %s", u.Quantity, u.Unit)
	}
	return fmt.Sprintf("%s for %s", u.Level, u.End.Sub(u.Start))
}

func newBillVerify(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Look whether all statements are what was issued, in an unbroken chain", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			chain, err := a.VerifyStatements(ctx)
			if err != nil {
				return err
			}
			if err := c.print(chain, facts("statements", chain.Statements, "last hash", chain.Last, "findings", len(chain.Findings))); err != nil {
				return err
			}
			for _, f := range chain.Findings {
				c.say("statement %d: %s", f.Number, f.Message)
			}
			if len(chain.Findings) > 0 {
				return told{fault.Conflict}
			}
			return nil
		}),
	}
}
