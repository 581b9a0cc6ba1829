package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
)

// sayRow is a row's line, as soon as it was tried.
func (c *cli) sayRow(r osbcheck.Result) {
	what := r.Title
	if r.Reason != "" {
		what += "; " + r.Reason
	}
	c.say("%-8s %-9s %s", r.Verdict, r.ID, harmless(what))
}

func (c *cli) printReport(r osbcheck.Report) error {
	switch c.output {
	case "json":
		return c.printJSON(r)
	case "junit":
		return r.WriteJUnit(c.out)
	}
	for _, row := range r.Results {
		c.sayFindings(row)
	}
	for _, left := range r.Leftover {
		c.say("\nnot removed: %s", harmless(left))
	}
	s := r.Summary
	c.say("\n%s %s, OSB %s: %d passed, %d failed, %d warnings, %d skipped, %d blocked",
		harmless(r.Service), harmless(r.Plan), r.Version, s.Passed, s.Failed, s.Warned, s.Skipped, s.Blocked)
	return nil
}

// sayFindings is what a broker did otherwise, with the place in the standard.
func (c *cli) sayFindings(r osbcheck.Result) {
	if len(r.Findings) == 0 {
		return
	}
	c.say("\n%s %s: %s", r.Verdict, r.ID, r.Title)
	c.say("  standard  %s", r.Place())
	for _, f := range r.Findings {
		c.say("  wanted    %s (%s)", harmless(f.Wanted), f.Strength)
		if x := f.Exchange; x != nil {
			c.say("  sent      %s", harmless(strings.TrimSpace(x.Request+headersOf(x.Headers)+" "+x.Sent)))
			c.say("  came      %s", harmless(strings.TrimSpace(fmt.Sprint(x.Status, " ", x.Answer))))
		}
	}
}

// headersOf are the headers of a request that are not always the same.
func headersOf(h map[string]string) string {
	var b strings.Builder
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "X-Broker-Api-Originating-Identity" && (name != "Content-Type" || h[name] != "application/json") {
			fmt.Fprintf(&b, " [%s: %s]", name, h[name])
		}
	}
	return b.String()
}
