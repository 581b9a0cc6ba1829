//go:build !linux

package main

import (
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// newDemo says why there is none: the demo's cloud is Linux's own networking.
func newDemo(*cli) *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Tell the whole story with real packets (on Linux only)", Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			return fault.New(fault.Unavailable, "the demo needs Linux; `bumpwire serve --cloud sim` runs a broker over a simulated cloud anywhere")
		},
	}
}
