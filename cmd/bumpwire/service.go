package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newService(c *cli) *cobra.Command {
	var vendor, insertion string
	list := &cobra.Command{
		Use: "list", Short: "List services", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			services, err := a.Services(ctx, vendor)
			if err != nil {
				return err
			}
			t := table{head: []string{"NAME", "VENDOR", "STATE", "PLANS", "PACKAGE"}}
			for _, s := range services {
				t.add(s.Name, s.Vendor, s.State, planNames(s), s.Package)
			}
			return c.print(orEmpty(services), t)
		}),
	}
	list.Flags().StringVar(&vendor, "vendor", "", "only this vendor's")
	publish := &cobra.Command{
		Use: "publish SERVICE", Short: "Put a service into the catalog",
		Long: `Put a service into the catalog.

Publishing is refused while a fact that insertion needs is missing, and says
which. --insertion names a YAML or JSON file that supplies or corrects what the
package does not say, in the form that "service show --output json" prints under
"insertion".`,
		Args: exactly("a service"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			p, err := publication(insertion)
			if err != nil {
				return err
			}
			s, err := a.Publish(ctx, args[0], p)
			return c.printService(s, err)
		}),
	}
	publish.Flags().StringVar(&insertion, "insertion", "", "file with the facts of insertion")
	return group(&cobra.Command{Use: "service", Short: "Services of the catalog"},
		list, publish,
		&cobra.Command{
			Use: "show SERVICE", Short: "Show a service, by id or name", Args: exactly("a service"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				s, err := a.Service(ctx, args[0])
				return c.printService(s, err)
			}),
		},
		&cobra.Command{
			Use: "deprecate SERVICE", Short: "Mark a service: still offered, advised against", Args: exactly("a service"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				s, err := a.Deprecate(ctx, args[0])
				return c.printService(s, err)
			}),
		},
		&cobra.Command{
			Use: "retire SERVICE", Short: "Take a service out of the catalog; its instances live on", Args: exactly("a service"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				s, err := a.Retire(ctx, args[0])
				return c.printService(s, err)
			}),
		},
	)
}

func publication(file string) (p api.Publication, err error) {
	if file == "" {
		return p, nil
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return p, fault.New(fault.Invalid, "cannot read the facts of insertion: %s", err)
	}
	p.Insertion = &api.Insertion{}
	if err := yaml.UnmarshalWithOptions(body, p.Insertion, yaml.UseJSONUnmarshaler(), yaml.Strict()); err != nil {
		return p, fault.New(fault.Invalid, "%s: %s", file, yaml.FormatError(err, false, true))
	}
	return p, nil
}

func planNames(s api.Service) []string {
	var names []string
	for _, p := range s.Plans {
		names = append(names, p.Name)
	}
	return names
}

func (c *cli) printService(s api.Service, err error) error {
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.printJSON(s)
	}
	legs := make([]string, len(s.Insertion.Legs))
	for n, l := range s.Insertion.Legs {
		legs[n] = l.NIC + "=" + l.Role
	}
	if err := c.print(s, facts("name", s.Name, "id", s.ID, "display name", s.DisplayName, "vendor", s.Vendor, "state", s.State,
		"package", s.Package, "description", s.Description, "product", s.ProductURL, "maker", s.VendorURL, "modes", s.Insertion.Modes, "legs", legs,
		"networks", networkNames(s.Structure), "startup", startupNames(s.Structure), "copies", copyNames(s.Structure), "placement", placementNames(s.Structure),
		"licences", eulaNames(s.EULAs), "missing", strings.Join(s.Missing, "; "))); err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	t := table{head: []string{"PLAN", "ID", "VCPUS", "MEMORY", "PRICE"}}
	for _, p := range s.Plans {
		t.add(p.Name, p.ID, p.VCPUs, bytesOf(p.MemoryBytes), priceText(p))
	}
	if err := c.print(s, t); err != nil {
		return err
	}
	fmt.Fprintln(c.out)
	return c.print(s, systemTable(s))
}

// priceText are a plan's prices, the latest last.
func priceText(p api.Plan) []string {
	var list []string
	for _, price := range p.Prices {
		list = append(list, price.Words())
	}
	return list
}
