package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// inserted are the flags that describe an instance that the provider manages.
type inserted struct {
	wanted
	service, bill string
}

// allNetworks are all that there are, and those to come.
const allNetworks = "all"

func (w *inserted) flags(cmd *cobra.Command) {
	w.rest(cmd)
	f := cmd.Flags()
	f.StringVar(&w.service, "service", "", "the service, by id or name")
	f.StringSliceVar(&w.networks, "networks", []string{allNetworks}, "the tenant's networks, by id or name; all: every one with a gateway, also those to come")
	f.StringVar(&w.bill, "bill", "operator", "whose bill it is on: operator, tenant or none")
}

// request is the insertion that the flags ask for.
func (w *inserted) request() (api.NewInsertion, error) {
	if w.service == "" || w.Tenant == "" {
		return api.NewInsertion{}, fault.New(fault.Invalid, "say what is inserted and for whom: --service and --tenant")
	}
	into := w.networks
	switch {
	case slices.Equal(into, []string{allNetworks}):
		into = nil
	case slices.Contains(into, allNetworks), len(into) == 0:
		return api.NewInsertion{}, fault.New(fault.Invalid, "--networks is %q or a list of networks", allNetworks)
	}
	one := w.wanted
	one.networks = nil
	n, err := one.request(w.service)
	return api.NewInsertion{NewInstance: n, Networks: into, Bill: w.bill}, err
}

func newInstanceInsert(c *cli) *cobra.Command {
	var w inserted
	var wait bool
	cmd := &cobra.Command{
		Use: "insert", Short: "Insert a service that the provider manages into all of a tenant's traffic, nearest the gateway; for operators", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			n, err := w.request()
			if err != nil {
				return err
			}
			accepted, err := a.InsertInstance(ctx, n)
			return c.made(ctx, a, accepted, err, wait)
		}),
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}
