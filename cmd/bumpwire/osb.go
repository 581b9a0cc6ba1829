package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newOSB(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "osb", Short: "The Open Service Broker API"}, newOSBCheck(c))
}

// checkFlags are the flags of osb check that need work before they are options.
type checkFlags struct {
	parameters, update, bind string
	provoke                  []string
	timeout                  time.Duration
	caFile                   string
	insecure, failFast, list bool
}

func newOSBCheck(c *cli) *cobra.Command {
	var o osbcheck.Options
	var f checkFlags
	cmd := &cobra.Command{
		Use: "check URL", Short: "Test any broker against the Open Service Broker API 2.17",
		Long: `Test any broker, not only this one, against the Open Service Broker API 2.13 to
2.17: headers, errors, catalog, every endpoint, requests at the same moment, and
what platforms rely on when they clean up.

It provisions, updates, binds and removes instances of one plan, so choose one that
costs nothing. What it made it removes, also when it is interrupted. Rows that do not
apply to what the broker offers are skipped, with the reason. A missed "must" fails; a
missed "should", "may" or "field" (what real platforms insist on beyond the text) is a
warning. --list shows all rows.

Exit code 0 when nothing failed, 1 otherwise.`,
		Args:              cobra.MaximumNArgs(1),
		PersistentPreRunE: func(*cobra.Command, []string) error { return c.checkReport() },
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return c.listRows()
			}
			if len(args) != 1 {
				return fault.New(fault.Invalid, "%q needs the broker's URL", cmd.CommandPath())
			}
			o.URL = args[0]
			if err := c.completeCheck(&o, f); err != nil {
				return err
			}
			return c.osbCheck(cmd.Context(), o, f.failFast)
		},
	}
	f.define(cmd, &o)
	return cmd
}

func (f *checkFlags) define(cmd *cobra.Command, o *osbcheck.Options) {
	s := cmd.Flags()
	s.StringVar(&o.Username, "username", "", "the broker's user name")
	s.StringVar(&o.Password, "password", "", "its password (or --password-file)")
	s.StringVar(&o.Token, "token", "", "a bearer token in place of the two")
	s.StringVar(&o.Platform, "platform", "cloudfoundry", "the platform to play: cloudfoundry, kubernetes, or another name")
	s.StringVar(&o.Identity, "identity", "", "originating identity, a JSON object")
	s.StringVar(&o.Service, "service", "", "name or id of the service (the first)")
	s.StringVar(&o.Plan, "plan", "", "name or id of the plan (the first)")
	s.StringVar(&o.UpdatePlan, "update-plan", "", "name or id of the plan to update to (another of the service)")
	s.StringSliceVar(&o.Organizations, "organization", nil, "organization_guid of the instances; several are used in turn (made up)")
	s.StringVar(&o.Space, "space", "", "space_guid of the instances (made up)")
	s.StringVar(&f.parameters, "parameters", "", "parameters of a provision: a JSON object, or @FILE")
	s.StringVar(&f.update, "update-parameters", "", "parameters of an update")
	s.StringVar(&f.bind, "bind-parameters", "", "parameters of a binding")
	s.StringArrayVar(&f.provoke, "provoke", nil, "NAME=JSON: parameters that make the broker fail; NAME is "+strings.Join(osbcheck.Provocations(), ", "))
	s.StringSliceVar(&o.Versions, "version", nil, "versions to speak; the highest is used throughout (2.13 to 2.17)")
	s.StringSliceVar(&o.Only, "only", nil, "ids of the rows to try, such as P5 or 'D*'")
	s.StringSliceVar(&o.Skip, "skip", nil, "ids of the rows to leave out")
	s.IntVar(&o.Workers, "concurrency", 4, "rows at a time")
	s.DurationVar(&f.timeout, "timeout", time.Minute, "for one request")
	s.DurationVar(&o.PollEvery, "poll-interval", time.Second, "between two polls of an operation")
	s.DurationVar(&o.PollLimit, "poll-limit", 0, "for one operation (ten minutes, or the plan's maximum_polling_duration)")
	s.BoolVar(&o.Strict, "strict", false, "a missed \"should\" fails")
	s.BoolVar(&f.failFast, "fail-fast", false, "stop at the first failure")
	s.BoolVar(&o.Keep, "keep", false, "leave what was made")
	s.StringVar(&f.caFile, "ca-file", "", "PEM file with the certificates to trust")
	s.BoolVar(&f.insecure, "insecure", false, "trust any certificate")
	s.BoolVar(&f.list, "list", false, "list the rows, and do nothing")
}

// checkReport allows one form of output more than other commands have.
func (c *cli) checkReport() error {
	if c.output == "junit" {
		return nil
	}
	if c.output != "text" && c.output != "json" {
		given := c.output
		c.output = "text"
		return fault.New(fault.Invalid, "--output is text, json or junit, not %q", given)
	}
	return nil
}

func (c *cli) completeCheck(o *osbcheck.Options, f checkFlags) (err error) {
	if c.passwordFile != "" {
		if o.Password, err = readPassword(c.passwordFile); err != nil {
			return err
		}
	}
	for _, p := range []struct {
		flag, text string
		into       *json.RawMessage
	}{{"parameters", f.parameters, &o.Parameters}, {"update-parameters", f.update, &o.UpdateParameters}, {"bind-parameters", f.bind, &o.BindParameters}} {
		if *p.into, err = jsonObject(p.flag, p.text); err != nil {
			return err
		}
	}
	o.Provoke = map[string]json.RawMessage{}
	for _, pair := range f.provoke {
		name, text, _ := strings.Cut(pair, "=")
		if o.Provoke[name], err = jsonObject("provoke "+name, text); err != nil {
			return err
		}
	}
	o.HTTP, err = checkClient(f)
	return err
}

func readPassword(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fault.New(fault.Invalid, "cannot read the password: %s", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// jsonObject is a flag's JSON, or that of the file that it names after an @.
func jsonObject(flag, text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	if file, named := strings.CutPrefix(text, "@"); named {
		body, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.New(fault.Invalid, "--%s: %s", flag, err)
		}
		text = string(body)
	}
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil || o == nil {
		return nil, fault.New(fault.Invalid, "--%s is not a JSON object", flag)
	}
	return json.RawMessage(text), nil
}

func checkClient(f checkFlags) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.TLSClientConfig = &tls.Config{InsecureSkipVerify: f.insecure, MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the certificates: %s", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "%s holds no certificate", f.caFile)
		}
	}
	return &http.Client{Transport: t, Timeout: f.timeout}, nil
}

// osbCheck runs the suite and prints what came of it.
func (c *cli) osbCheck(ctx context.Context, o osbcheck.Options, failFast bool) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	o.Seen = func(r osbcheck.Result) {
		c.sayRow(r)
		if failFast && slices.Contains([]osbcheck.Verdict{osbcheck.Failed, osbcheck.Blocked}, r.Verdict) {
			stop()
		}
	}
	report, err := osbcheck.Run(running, o)
	if err != nil {
		return err
	}
	if err := c.printReport(report); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !report.Summary.OK() {
		return told{fault.Internal}
	}
	return nil
}

func (c *cli) listRows() error {
	t := table{head: []string{"ROW", "SINCE", "STRENGTH", "WHAT", "SECTION"}}
	for _, r := range osbcheck.Rows() {
		t.add(r.ID, r.Version(), r.Strength, r.Title, r.Section)
	}
	return c.print(osbcheck.Rows(), t)
}
