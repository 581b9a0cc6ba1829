package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// newDocs writes the command reference; a test keeps docs/cli.md as it writes it.
func newDocs(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "docs FILE", Short: "Write the command reference", Hidden: true, Args: exactly("a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var b bytes.Buffer
			reference(&b, cmd.Root())
			return os.WriteFile(args[0], b.Bytes(), 0o644)
		},
	}
}

// reference is every command with its flags, as Markdown.
func reference(w io.Writer, root *cobra.Command) {
	fmt.Fprintf(w, "# Commands of bumpwire\n\nMade by `bumpwire docs`; do not edit.\n\n%s\n\n", root.Long)
	fmt.Fprintf(w, "Flags of every command:\n\n```\n%s```\n", root.PersistentFlags().FlagUsages())
	describe(w, root)
}

func describe(w io.Writer, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		if sub.Hidden || sub.Name() == "help" {
			continue
		}
		if sub.HasAvailableSubCommands() {
			fmt.Fprintf(w, "\n## %s\n\n%s.\n", sub.CommandPath(), sub.Short)
			if sub.LocalNonPersistentFlags().HasFlags() {
				fmt.Fprintf(w, "\n```\n%s\n%s```\n", sub.UseLine(), flags(sub))
			}
			describe(w, sub)
			continue
		}
		level := "##"
		if sub.Parent().HasParent() {
			level = "###"
		}
		fmt.Fprintf(w, "\n%s %s\n\n%s\n", level, sub.CommandPath(), about(sub))
		fmt.Fprintf(w, "\n```\n%s\n%s```\n", sub.UseLine(), flags(sub))
	}
}

func about(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return strings.TrimSpace(cmd.Long)
	}
	return cmd.Short + "."
}

// flags are a command's own and those of its group.
func flags(cmd *cobra.Command) string {
	own := cmd.NonInheritedFlags().FlagUsages()
	for p := cmd.Parent(); p != nil && p.HasParent(); p = p.Parent() {
		own += p.PersistentFlags().FlagUsages()
	}
	return own
}
