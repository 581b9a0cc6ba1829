package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
)

func newServe(c *cli) *cobra.Command {
	var file string
	var flags struct{ listen, data, store, cloud, log string }
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the broker",
		Long: `Run the broker until it is interrupted.

Every key of the configuration file can be overridden by an environment variable,
BUMPWIRE_SECTION_KEY (BUMPWIRE_SERVER_LISTEN), and some by a flag. At the first
start BUMPWIRE_PLATFORM=name:password adds an OSB platform and
BUMPWIRE_ADMIN=name:password an operator; with neither, both are made and printed
once. The address is written to DATA/listen.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := readConfig(file, c.env)
			if err != nil {
				return err
			}
			cfg.Server.Listen = cmp.Or(flags.listen, cfg.Server.Listen)
			cfg.Server.Data = cmp.Or(flags.data, cfg.Server.Data)
			cfg.Store.URL = cmp.Or(flags.store, cfg.Store.URL)
			cfg.Cloud.Driver = cmp.Or(flags.cloud, cfg.Cloud.Driver)
			cfg.Log.Level = cmp.Or(flags.log, cfg.Log.Level)
			return c.serve(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "config", "", "configuration file, YAML")
	f.StringVar(&flags.listen, "listen", "", "host:port to listen on (127.0.0.1:8080); port 0: any that is free")
	f.StringVar(&flags.data, "data", "", "data folder (bumpwire-data)")
	f.StringVar(&flags.store, "store", "", "where documents are kept: sqlite:PATH or mongodb://HOST,HOST/DATABASE (sqlite:DATA/bumpwire.db)")
	f.StringVar(&flags.cloud, "cloud", "", "the cloud: linux, openstack or sim (linux)")
	f.StringVar(&flags.log, "log-level", "", "debug, info, warn or error (info)")
	return cmd
}

// serve runs a broker until ctx ends.
func (c *cli) serve(ctx context.Context, cfg config) error {
	if err := cfg.check(); err != nil {
		return err
	}
	log, err := c.logger(cfg.Log)
	if err != nil {
		return err
	}
	if cfg.Cloud.Driver == "linux" {
		// May start this program anew, as root over namespaces of its own.
		if err := linux.Enter(ctx, cfg.path("linux")); err != nil {
			return err
		}
	}
	r, err := start(ctx, cfg, log)
	if err != nil {
		return err
	}
	if err := c.welcome(ctx, cfg, r); err != nil {
		return errors.Join(err, r.Close())
	}
	r.seat.closeDoor()
	return r.Wait()
}

// welcome makes the first accounts and says where the broker is.
func (c *cli) welcome(ctx context.Context, cfg config, r *running) error {
	made, err := firstAccounts(ctx, r.accounts, c.env)
	if err != nil {
		return err
	}
	err = create(cfg.path("listen"), func(w io.Writer) error { // who waits for the file reads it at once
		_, err := fmt.Fprintln(w, r.URL())
		return err
	})
	if err != nil {
		return fault.New(fault.Unavailable, "cannot write to the data folder: %s", err)
	}
	for _, a := range made {
		c.say("%s %s, password %s (shown this once)", a.kind, a.name, a.password)
	}
	c.say("bumpwire %s serves on %s, cloud %s", version(), r.URL(), cfg.Cloud.Driver)
	return nil
}

func (c *cli) logger(l logConfig) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, fault.New(fault.Invalid, "log.level is debug, info, warn or error, not %q", l.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(c.errs, options)), nil
	}
	return slog.New(slog.NewTextHandler(c.errs, options)), nil
}
