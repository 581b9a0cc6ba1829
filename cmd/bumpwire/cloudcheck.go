package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
)

func newCloudCheck(c *cli) *cobra.Command {
	var flags cloudFlags
	cmd := &cobra.Command{
		Use: "check", Short: "Tell what a cloud is missing, with the remedy for each",
		Long: `Tell what the cloud has of what the broker needs, and what is missing, each with its
remedy. A row is ok; limited, when something cannot be done without it; missing, when
the broker cannot work or a typical plan would fail; or unknown, when it could not be
found out.

On an OpenStack it only reads: the account's roles, the catalog, Neutron's extensions,
what the account is shown of other projects, the versions of Nova, hosts, flavors, disk
formats, volume types, quotas, and OVN's northbound database for cutover: ovn. A linux
cloud is tried in a namespace that goes away at once; it makes the data folder. A
simulated one has nothing to check but its state.

Exits 0 when nothing is missing, and otherwise as the first row that is missing would
make a command fail.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := flags.config(c)
			if err != nil {
				return err
			}
			found, err := c.examineAll(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			return c.printFindings(cfg.Cloud.Driver, found)
		},
	}
	flags.add(cmd)
	return cmd
}

// examineAll are the findings of every region.
func (c *cli) examineAll(ctx context.Context, cfg config) (all []cloud.Finding, err error) {
	if err := cfg.Cloud.checkRegions(); err != nil {
		return nil, err
	}
	if len(cfg.Cloud.Regions) == 0 {
		return c.examine(ctx, cfg)
	}
	for _, r := range cfg.Cloud.Regions {
		found, err := c.examine(ctx, cfg.in(r))
		if err != nil {
			return nil, inRegionOf(r.Name, err)
		}
		for _, f := range found {
			f.Region = r.Name
			all = append(all, f)
		}
	}
	return all, nil
}

// examine is what each kind of cloud finds out about itself.
func (c *cli) examine(ctx context.Context, cfg config) ([]cloud.Finding, error) {
	switch cfg.Cloud.Driver {
	case "openstack":
		found := openstack.Examine(ctx, cfg.Cloud.openstack(nil), strings.HasPrefix(cfg.Packages.Store, "swift:"))
		return found, ctx.Err()
	case "linux":
		if err := linux.Enter(ctx, cfg.path("linux")); err != nil {
			return nil, err
		}
	case "sim":
		if _, err := os.Stat(cfg.path(cfg.Cloud.simFile())); err != nil {
			return []cloud.Finding{{Area: "sim", Need: "nothing", Verdict: cloud.Met, Found: "it is simulated, and has no state yet"}}, nil
		}
	}
	opened, err := cloudOf(ctx, cfg, nil)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	return findingsOf(opened.Name(), opened.Check(ctx)), nil
}

// findingsOf are problems as findings; without one, that there is none.
func findingsOf(driver string, problems []cloud.Problem) (list []cloud.Finding) {
	const need = "all that appliances need"
	for _, p := range problems {
		list = append(list, cloud.Finding{Area: driver, Need: need, Verdict: cloud.Missing, Found: p.What, Remedy: p.Remedy, Kind: fault.Unavailable})
	}
	if len(list) == 0 {
		list = []cloud.Finding{{Area: driver, Need: need, Verdict: cloud.Met, Found: "nothing is missing"}}
	}
	return list
}

// examined is a check in --output json.
type examined struct {
	Cloud    string          `json:"cloud"`
	OK       bool            `json:"ok"` // nothing is missing
	Findings []cloud.Finding `json:"findings"`
}

func (c *cli) printFindings(driver string, found []cloud.Finding) error {
	first := slices.IndexFunc(found, func(f cloud.Finding) bool { return f.Verdict == cloud.Missing })
	if c.output == "json" {
		if err := c.printJSON(examined{driver, first < 0, found}); err != nil {
			return err
		}
	}
	for _, f := range found {
		c.say("%-8s %-8s %s: %s", f.Verdict, f.Area, harmless(f.Need)+inRegion(f.Region), harmless(f.Found))
		if f.Remedy != "" {
			c.say("                  remedy: %s", harmless(f.Remedy))
		}
	}
	c.say("\n%s: %s", driver, tally(found))
	if first < 0 {
		return nil
	}
	return told{found[first].Kind}
}

func tally(found []cloud.Finding) string {
	count := map[cloud.Verdict]int{}
	for _, f := range found {
		count[f.Verdict]++
	}
	return fmt.Sprintf("%d ok, %d limited, %d missing, %d unknown", count[cloud.Met], count[cloud.Limited], count[cloud.Missing], count[cloud.Unknown])
}
