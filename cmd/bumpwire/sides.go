package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// sidesFlag takes the networks of a symmetric service's sides.
func sidesFlag(cmd *cobra.Command, sides *[]string, others string) {
	cmd.Flags().StringArrayVar(sides, "side", nil, "of a symmetric service: the networks of a side as SIDE=NETWORK[,NETWORK...], none as SIDE=; "+others)
}

// addSides adds what the flags say of sides to parameters.
func addSides(p map[string]any, sides []string) error {
	if len(sides) == 0 {
		return nil
	}
	all, _ := p["sides"].(map[string]any)
	if all == nil {
		all = map[string]any{}
	}
	for _, s := range sides {
		name, networks, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return fault.New(fault.Invalid, "--side wants SIDE=NETWORK[,NETWORK...], not %q", s)
		}
		side, _ := all[name].(map[string]any)
		if side == nil {
			side = map[string]any{}
		}
		side["networks"] = strings.FieldsFunc(networks, func(r rune) bool { return r == ',' })
		all[name] = side
	}
	p["sides"] = all
	return nil
}
