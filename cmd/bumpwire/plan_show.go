package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// offline adds to plan what works without a broker.
func offline(c *cli, format *string, cmd *cobra.Command) *cobra.Command {
	var alone bool
	var have, want string
	cmd.Long = `What a request would do, before it does it: the tenant's topology before and after,
the steps between, and what they take: calls of the cloud, machines, vCPUs and memory,
what the instance costs per hour, and how long traffic is expected to stop.

With --offline the same of a topology in a file, without a broker. The file is what
"topology show --format json" prints; what is wanted is a file with services, or with
a whole topology to reach. See docs/plan.md.`
	cmd.Example = `  bumpwire plan create firewall --network lan --format svg > plan.svg
  bumpwire plan --offline --topology now.json --want services.json`
	cmd.PersistentFlags().StringVar(format, "format", "text", "text, svg, dot or json")
	f := cmd.Flags()
	f.BoolVar(&alone, "offline", false, "plan from files, without a broker")
	f.StringVar(&have, "topology", "", "file with the topology as it is")
	f.StringVar(&want, "want", "", "file with what is wanted; empty: the services in the topology's file")
	help := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case !alone && (have != "" || want != ""):
			return fault.New(fault.Invalid, "--topology and --want go with --offline")
		case !alone || len(args) > 0:
			return help(cmd, args)
		case have == "":
			return fault.New(fault.Invalid, "--offline needs a file: --topology FILE")
		}
		return c.planOffline(have, want, *format)
	}
	return cmd
}

func (c *cli) planOffline(have, want, format string) error {
	now, err := readDocument(have)
	if err != nil {
		return err
	}
	then := topology.Document{Services: now.Services}
	if want != "" {
		if then, err = readDocument(want); err != nil {
			return err
		}
	}
	p, err := now.Propose(then)
	if err != nil {
		return fault.New(fault.Conflict, "there is no plan: %s", err)
	}
	return c.show(p, p, format, "")
}

func readDocument(file string) (topology.Document, error) {
	info, err := os.Stat(file)
	if err == nil && info.Size() > topology.MaxDocument {
		return topology.Document{}, fault.New(fault.Invalid, "%s: it has %d bytes; %d are the most", file, info.Size(), topology.MaxDocument)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return topology.Document{}, fault.New(fault.Invalid, "cannot read the topology: %s", err)
	}
	d, err := topology.ParseDocument(text)
	if err != nil {
		return d, fault.New(fault.Invalid, "%s: %s", file, err)
	}
	return d, nil
}

func (c *cli) preview(ctx context.Context, a *api.Client, format string, r api.PreviewRequest) error {
	p, err := a.Preview(ctx, r)
	if err != nil {
		return err
	}
	if c.output == "text" && format == "text" && len(p.Steps) == 0 {
		c.say("nothing to do")
		return nil
	}
	return c.show(p, p.Proposal, format, priced(p))
}

// show prints a plan; all is what JSON has of it.
func (c *cli) show(all any, p topology.Proposal, format, price string) (err error) {
	if c.output == "json" {
		format = "json"
	}
	switch format {
	case "json":
		return c.printJSON(all)
	case "text":
		_, err = fmt.Fprint(c.out, p.Text(), price)
	case "svg":
		_, err = c.out.Write(p.SVG())
	case "dot":
		_, err = fmt.Fprint(c.out, p.DOT())
	default:
		return fault.New(fault.Invalid, "a plan is shown as text, svg, dot or json, not %.20q", format)
	}
	return err
}

// priced says what the instance costs, in a sentence.
func priced(p api.Preview) string {
	of := func(price *api.Price) string {
		return fmt.Sprintf("%s %s per %s", price.Amount, harmless(price.Currency), harmless(price.Unit))
	}
	switch was, will := p.PriceBefore, p.PriceAfter; {
	case was == nil && will == nil:
		return ""
	case was == nil:
		return fmt.Sprintf("Price: %s.\n", of(will))
	case will == nil:
		return fmt.Sprintf("Price: nothing any more, instead of %s.\n", of(was))
	case of(was) == of(will):
		return fmt.Sprintf("Price: %s, as before.\n", of(was))
	default:
		return fmt.Sprintf("Price: %s instead of %s.\n", of(will), of(was))
	}
}
