package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// changed are the flags that describe what is to become of an instance.
type changed struct {
	api.InstanceUpdate
	file     string
	set      []string
	networks []string
	sides    []string
	eulas    []string
	none     bool
	steering steering
	position position
}

func (w *changed) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.Plan, "plan", "", "another plan, by id or name")
	f.StringVar(&w.Name, "name", "", "another name for people")
	f.StringSliceVar(&w.networks, "network", nil, "a tenant network to protect; those that are not given are let go; may be given more than once")
	sidesFlag(cmd, &w.sides, "sides that are not given stay")
	f.BoolVar(&w.none, "no-network", false, "protect no network but those of bindings")
	w.position.flags(cmd)
	w.steering.flags(cmd)
	f.StringVar(&w.file, "parameters", "", "file with parameters, YAML or JSON; those that are left out stay")
	f.StringArrayVar(&w.set, "set", nil, "one parameter as KEY=VALUE; the value is read as JSON if it is JSON")
	eulaFlag(cmd, &w.eulas)
	f.BoolVar(&w.Upgrade, "upgrade", false, "bring it to the package version that the service offers now")
}

// request is the update that the flags ask for.
func (w *changed) request() (api.InstanceUpdate, error) {
	u := w.InstanceUpdate
	p, err := parameters(w.file, w.set)
	if err != nil {
		return u, err
	}
	if w.none && len(w.networks) > 0 {
		return u, fault.New(fault.Invalid, "--network and --no-network contradict each other")
	}
	if w.none || len(w.networks) > 0 {
		p["networks"] = append([]string{}, w.networks...)
	}
	if err := addSides(p, w.sides); err != nil {
		return u, err
	}
	if len(w.eulas) > 0 {
		p["accept_eulas"] = w.eulas
	}
	w.position.add(p)
	if err := w.steering.add(p); err != nil {
		return u, err
	}
	if len(p) > 0 {
		if u.Parameters, err = json.Marshal(p); err != nil {
			return u, err
		}
	}
	if u.Plan == "" && u.Name == "" && !u.Upgrade && u.Parameters == nil {
		return u, fault.New(fault.Invalid, "say what to change: --plan, --set, --parameters, --network, --side, --nearest, --before, --after, --mode, --match, --members, --upgrade or --name")
	}
	return u, nil
}

func newInstanceUpdate(c *cli) *cobra.Command {
	var w changed
	var wait bool
	cmd := &cobra.Command{
		Use: "update INSTANCE", Short: "Change an instance's plan, parameters, networks, place, version or name; what fails changes nothing", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			u, err := w.request()
			if err != nil {
				return err
			}
			accepted, err := a.UpdateInstance(ctx, args[0], u)
			if err != nil {
				return err
			}
			if !wait {
				return c.print(accepted, facts("instance", accepted.Instance, "change", accepted.Change))
			}
			if accepted.Change != "" {
				if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) { return a.Operation(ctx, accepted.Instance) }); err != nil {
					return err
				}
			}
			i, err := a.Instance(ctx, accepted.Instance)
			return c.printInstance(i, err)
		}),
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}
