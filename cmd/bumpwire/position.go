package main

import "github.com/spf13/cobra"

// position are the flags that say where in its chains a service stands.
type position struct {
	nearest, before, after string
}

func (w *position) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.nearest, "nearest", "", "which end of the chain, hosts or gateway (default); with --before or --after, which end of what they leave")
	f.StringVar(&w.before, "before", "", "the instance, by id or name, to stand directly before: on its side towards the hosts")
	f.StringVar(&w.after, "after", "", "the instance, by id or name, to stand directly after: on its side towards the gateway; with --before, between the two")
}

// add lays what the flags say over parameters.
func (w *position) add(p map[string]any) {
	for key, value := range map[string]string{"nearest": w.nearest, "before": w.before, "after": w.after} {
		if value != "" {
			p[key] = value
		}
	}
}
