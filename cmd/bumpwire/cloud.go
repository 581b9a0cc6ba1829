package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func newCloud(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "cloud", Short: "The cloud that appliances run in",
		Long: `The cloud that appliances run in. These commands speak to the cloud itself and need
no broker: with the configuration and the account of the broker.`,
	}
	return group(cmd, newCloudCheck(c))
}

// cloudFlags name a cloud as those of serve do.
type cloudFlags struct{ file, data, driver string }

func (f *cloudFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.file, "config", "", "configuration file, YAML")
	flags.StringVar(&f.data, "data", "", "data folder (bumpwire-data)")
	flags.StringVar(&f.driver, "cloud", "", "the cloud: linux, openstack or sim (linux)")
}

func (f *cloudFlags) config(c *cli) (config, error) {
	cfg, err := readConfig(f.file, c.env)
	if err != nil {
		return cfg, err
	}
	cfg.Server.Data = cmp.Or(f.data, cfg.Server.Data)
	cfg.Cloud.Driver = cmp.Or(f.driver, cfg.Cloud.Driver)
	if cfg.Server.Data == "" {
		return cfg, fault.New(fault.Invalid, "server.data: a folder is needed")
	}
	return cfg, nil
}
