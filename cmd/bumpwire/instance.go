package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// pollEvery is how often --wait asks.
const pollEvery = 250 * time.Millisecond

func newInstance(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "instance", Short: "Service instances"},
		newInstanceList(c), newInstanceCreate(c), newInstanceInsert(c), newInstanceUpdate(c), newInstanceDelete(c), newInstanceOrphans(c),
		newInstanceBypass(c), newInstanceRestore(c), newInstanceRespin(c), newInstanceSuspend(c), newInstanceResume(c),
		&cobra.Command{
			Use: "show INSTANCE", Short: "Show an instance", Args: exactly("an instance"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				i, err := a.Instance(ctx, args[0])
				return c.printInstance(i, err)
			}),
		},
	)
}

func newInstanceList(c *cli) *cobra.Command {
	var f api.InstanceFilter
	cmd := &cobra.Command{
		Use: "list", Short: "List instances", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Instances(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"ID", "NAME", "TENANT", "SERVICE", "PLAN", "STATE", "HEALTH", "NETWORKS"}}
			for _, i := range all {
				t.add(i.ID, i.Name, i.Tenant+inRegion(i.Region), i.ServiceName, i.PlanName, i.State, i.Health.Status, i.Networks)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	cmd.Flags().StringVar(&f.Tenant, "tenant", "", "only this tenant's")
	cmd.Flags().StringVar(&f.Platform, "platform", "", "only this platform's")
	cmd.Flags().StringVar(&f.Service, "service", "", "only of this service, by id or name")
	cmd.Flags().StringVar(&f.State, "state", "", "only those: provisioning, active, failed, deprovisioning, deleted")
	return cmd
}

// wanted are the flags that describe an instance to be made.
type wanted struct {
	api.NewInstance
	file     string
	region   string
	set      []string
	networks []string
	sides    []string
	eulas    []string
	steering steering
	position position
}

func (w *wanted) flags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&w.networks, "network", nil, "a tenant network to protect; may be given more than once")
	sidesFlag(cmd, &w.sides, "every side is given")
	w.rest(cmd)
}

// rest are the flags about other things than networks.
func (w *wanted) rest(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.Tenant, "tenant", "", "whose it is; a tenant's user may leave it out")
	f.StringVar(&w.region, "region", "", "where it is to be, of a broker that has several regions; empty: the first")
	f.StringVar(&w.Plan, "plan", "", "the plan, by id or name; empty: the default plan")
	f.StringVar(&w.ID, "id", "", "the instance's id; empty: made up")
	f.StringVar(&w.Name, "name", "", "the instance's name for people")
	w.position.flags(cmd)
	w.steering.flags(cmd)
	eulaFlag(cmd, &w.eulas)
	f.StringVar(&w.file, "parameters", "", "file with the parameters, YAML or JSON")
	f.StringArrayVar(&w.set, "set", nil, "one parameter as KEY=VALUE; the value is read as JSON if it is JSON")
}

// request is the instance that the flags ask for.
func (w *wanted) request(service string) (api.NewInstance, error) {
	n := w.NewInstance
	n.Service = service
	p, err := parameters(w.file, w.set)
	if err != nil {
		return n, err
	}
	if w.region != "" {
		p["region"] = w.region
	}
	if len(w.networks) > 0 {
		p["networks"] = w.networks
	}
	if err := addSides(p, w.sides); err != nil {
		return n, err
	}
	if len(w.eulas) > 0 {
		p["accept_eulas"] = w.eulas
	}
	w.position.add(p)
	if err := w.steering.add(p); err != nil {
		return n, err
	}
	if len(p) == 0 {
		return n, nil
	}
	n.Parameters, err = json.Marshal(p)
	return n, err
}

// parameters come out of a file, single ones over it.
func parameters(file string, set []string) (map[string]any, error) {
	p := map[string]any{}
	if file != "" {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the parameters: %s", err)
		}
		if err := yaml.Unmarshal(body, &p); err != nil {
			return nil, fault.New(fault.Invalid, "%s: %s", file, yaml.FormatError(err, false, true))
		}
	}
	for _, pair := range set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fault.New(fault.Invalid, "--set wants KEY=VALUE, not %q", pair)
		}
		p[key] = parameter(value)
	}
	return p, nil
}

func parameter(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() || v == nil {
		return text
	}
	return v
}

func newInstanceCreate(c *cli) *cobra.Command {
	var w wanted
	var wait bool
	cmd := &cobra.Command{
		Use: "create SERVICE", Short: "Create an instance of a service, by id or name", Args: exactly("a service"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n, err := w.request(args[0])
			if err != nil {
				return err
			}
			accepted, err := a.CreateInstance(ctx, n)
			return c.made(ctx, a, accepted, err, wait)
		}),
	}
	w.flags(cmd)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}

// made shows what was accepted, or, when it is waited for, the instance.
func (c *cli) made(ctx context.Context, a *api.Client, accepted api.Accepted, err error, wait bool) error {
	if err != nil {
		return err
	}
	if !wait {
		return c.print(accepted, facts("instance", accepted.Instance, "change", accepted.Change))
	}
	if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) { return a.Operation(ctx, accepted.Instance) }); err != nil {
		return err
	}
	i, err := a.Instance(ctx, accepted.Instance)
	return c.printInstance(i, err)
}

func newInstanceDelete(c *cli) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "delete INSTANCE", Short: "Delete an instance and its bindings", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			accepted, err := a.DeleteInstance(ctx, args[0])
			if err != nil {
				return err
			}
			if wait {
				if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) { return a.Operation(ctx, args[0]) }); err != nil {
					return err
				}
			}
			return c.print(accepted, facts("instance", accepted.Instance, "change", accepted.Change))
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}

// follow waits for an operation and says each new thing it is doing.
func (c *cli) follow(ctx context.Context, poll func(context.Context) (api.Operation, error)) error {
	last := ""
	return api.Wait(ctx, poll, pollEvery, func(o api.Operation) {
		if now := o.State + ": " + o.Description; now != last && c.output == "text" {
			fmt.Fprintln(c.errs, harmless(now))
			last = now
		}
	})
}

// managedBy says who manages an instance when it is not its tenant, and who pays.
func managedBy(i api.Instance) string {
	if i.Bill == "" {
		return ""
	}
	return i.ManagedBy + ", billed to " + i.Bill
}

func (c *cli) printInstance(i api.Instance, err error) error {
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.printJSON(i)
	}
	var bindings []string
	for _, b := range i.Bindings {
		bindings = append(bindings, b.ID)
	}
	var members []string
	for _, m := range i.Members {
		member := strings.TrimSpace(m.Appliance + " " + m.Management)
		switch {
		case m.Idle:
			member += " does not answer"
		case m.Standby:
			member += " stands by"
		}
		members = append(members, member)
	}
	return c.print(i, facts("instance", i.ID, "name", i.Name, "tenant", i.Tenant, "region", i.Region, "platform", i.Platform,
		"service", i.ServiceName, "plan", i.PlanName, "package", i.Package, "upgrade", i.Upgrade, "state", i.State,
		"managed by", managedBy(i),
		"operation", strings.TrimSpace(i.Operation.Kind+" "+i.Operation.State), "detail", i.Operation.Description,
		"networks", i.Networks, "mode", i.Mode, "match", i.Match, "members", members, "management", i.Management, "failure", i.Failure, "availability", i.Availability, "bypass", i.Bypass, "suspended", yesNo(i.Suspended, "yes", ""), "health", strings.TrimSpace(i.Health.Status+" "+i.Health.Detail),
		"bindings", bindings, "created", i.Created))
}
