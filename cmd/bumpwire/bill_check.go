package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/focus"
)

// checked is what `bill check` finds.
type checked struct {
	Rows     int             `json:"rows"`
	Findings []focus.Finding `json:"findings"`
}

func newBillCheck(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a CSV file against the rules of FOCUS 1.2",
		Long: `Check a CSV file of charges, of whatever provider, against the rules that FOCUS 1.2 has for columns:
which must be there, types, nulls, allowed values, ends of periods, and how columns go together.
It works offline. Exits 2 when something is found; at most 1000 findings are told.`,
		Args: exactly("a file"),
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fault.New(fault.NotFound, "cannot read the file: %s", err)
			}
			defer f.Close()
			var all checked
			if all.Rows, all.Findings, err = focus.Check(f); err != nil {
				return fault.New(fault.Invalid, "%s is no CSV file of charges: %s", args[0], err)
			}
			t := table{head: []string{"LINE", "COLUMN", "WHAT"}}
			for _, found := range all.Findings {
				t.add(found.Line, found.Column, found.Message)
			}
			if len(all.Findings) == 0 {
				t = facts("file", args[0], "rows", fmt.Sprint(all.Rows), "found", "nothing against FOCUS 1.2")
			}
			all.Findings = orEmpty(all.Findings)
			if err := c.print(all, t); err != nil || len(all.Findings) == 0 {
				return err
			}
			return told{fault.Invalid}
		},
	}
}
