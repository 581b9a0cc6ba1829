package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newBill(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "bill", Short: "Billing records and monthly statements"},
		newBillClose(c), newBillList(c), newBillExport(c), newBillCheck(c),
		newStatements(c), newStatement(c), newBillExplain(c), newBillVerify(c), newBillPreview(c), newSettlement(c), newErasures(c),
		&cobra.Command{
			Use: "show RECORD", Short: "Show a billing record", Args: exactly("a record"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				b, err := a.Bill(ctx, args[0])
				if err != nil {
					return err
				}
				return c.print(b, facts("record", b.ID, "tenant", b.Tenant, "instance", b.Instance, "region", b.Region, "plan", b.Plan,
					"dimension", b.Dimension, "start", b.Start, "end", b.End, "seconds", b.Seconds,
					"price", b.UnitPrice.String()+" "+b.Currency+"/"+b.Unit, "amount", b.Amount.String()+" "+b.Currency, "usage", b.Usage))
			}),
		},
	)
}

func newBillClose(c *cli) *cobra.Command {
	var until string
	cmd := &cobra.Command{
		Use: "close", Short: "Close the metering windows that are over, now", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			t, err := moment(until)
			if err != nil {
				return err
			}
			closed, err := a.CloseBills(ctx, t)
			if err != nil {
				return err
			}
			if closed.Windows == 0 && closed.Statements == 0 && c.output == "text" {
				c.say("nothing to close")
				return nil
			}
			return c.print(closed, facts("from", closed.Start, "to", closed.End, "windows", closed.Windows,
				"usage records", closed.Usage, "billing records", closed.Bills, "statements", closed.Statements, "unrated", closed.Unrated))
		}),
	}
	cmd.Flags().StringVar(&until, "until", "", "only those that end by then, as 2026-01-31T00:00:00Z")
	return cmd
}

func newBillList(c *cli) *cobra.Command {
	var b between
	cmd := &cobra.Command{
		Use: "list", Short: "List billing records", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			all, err := a.Bills(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"START", "END", "TENANT", "INSTANCE", "SECONDS", "PRICE", "AMOUNT", "CURRENCY"}}
			for _, r := range all {
				t.add(r.Start, r.End, r.Tenant, r.Instance, r.Seconds, r.UnitPrice.String()+"/"+r.Unit, r.Amount, r.Currency)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	b.flags(cmd)
	return cmd
}

func newBillExport(c *cli) *cobra.Command {
	var b between
	var format string
	cmd := &cobra.Command{
		Use: "export", Short: "Write billing records to standard output, as json, csv, FOCUS 1.2 or a page", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			switch format {
			case "json":
				all, err := a.Bills(ctx, f)
				if err != nil {
					return err
				}
				return c.printJSON(orEmpty(all))
			case "csv", "focus", "html":
				text, err := a.ExportBills(ctx, f, format)
				if err != nil {
					return err
				}
				_, err = c.out.Write(text)
				return err
			}
			return fault.New(fault.Invalid, "--format is json, csv, focus or html, not %q", format)
		}),
	}
	b.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "csv", "json, csv, focus (FOCUS 1.2) or html (to be printed)")
	return cmd
}
