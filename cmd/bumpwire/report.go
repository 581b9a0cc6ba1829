package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// told is an error whose reason the command has printed already; only the exit
// code is left.
type told struct{ kind fault.Kind }

func (t told) Error() string { return string(t.kind) }
func (t told) Unwrap() error { return t.kind }

// failure is an error in --output json.
type failure struct {
	Error   string   `json:"error"`
	Message string   `json:"message"`
	Details []string `json:"details,omitempty"`
	Next    string   `json:"next,omitempty"`
}

// report prints why a command failed, and what to do next, and gives the exit code.
func (c *cli) report(err error) int {
	var silent told
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return fault.Exit(silent.kind)
	case errors.Is(err, context.Canceled):
		err = fault.New(fault.Internal, "interrupted")
	}
	f := failure{Error: string(fault.KindOf(err)), Message: sentence(err), Next: next(fault.KindOf(err))}
	var known *fault.Error
	if errors.As(err, &known) {
		f.Details = known.Details
	}
	if c.output == "json" {
		body, _ := json.MarshalIndent(f, "", "  ") // strings always marshal
		fmt.Fprintf(c.errs, "%s\n", body)
		return fault.Exit(err)
	}
	fmt.Fprintf(c.errs, "bumpwire: %s\n", harmless(f.Message))
	for _, d := range f.Details {
		fmt.Fprintf(c.errs, "  - %s\n", harmless(d))
	}
	if f.Next != "" {
		fmt.Fprintf(c.errs, "  %s\n", f.Next)
	}
	return fault.Exit(err)
}

// sentence is the whole error: on one's own machine nothing is to be hidden.
func sentence(err error) string {
	var known *fault.Error
	if errors.As(err, &known) && errors.Unwrap(err) == nil {
		return known.Error()
	}
	return err.Error()
}

// next is what usually helps.
func next(k fault.Kind) string {
	switch k {
	case fault.Unavailable:
		return "Is the broker running there? `bumpwire serve` starts one; --url or BUMPWIRE_URL says where it is."
	case fault.Unauthorized:
		return "Set BUMPWIRE_USER and BUMPWIRE_PASSWORD (or BUMPWIRE_TOKEN) to what `bumpwire serve` printed at its first start."
	case fault.Forbidden:
		return "Ask an operator, or use an operator's credentials."
	case fault.Busy:
		return "Try again in a moment; `bumpwire change list` shows what is running."
	case fault.NotFound, fault.Gone:
		return "The list command of the same noun shows what there is."
	case fault.Invalid:
		return "`--help` after the command says what it takes."
	}
	return ""
}
