package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
)

// cli is what all commands share: where they read and write, and the global flags.
type cli struct {
	in        io.Reader
	out, errs io.Writer
	env       func(string) string

	output       string // text, json
	url          string
	user         string
	passwordFile string
	keystone     bool
	osCloud      string
	region       string // of commands about tenants' networks
}

const defaultURL = "http://127.0.0.1:8080"

// newRoot is the command line's contents page.
func newRoot(c *cli) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "bumpwire",
		Short: "A service-catalog broker for virtual network services",
		Long: `Bumpwire turns OVF packages of network appliances into services that tenants
provision through the Open Service Broker API, and inserts them into the tenants'
networks.

Exit codes: 0 ok, 1 failed, 2 wrong usage or invalid input, 3 not found,
4 refused or conflict, 5 unavailable.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.errs)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fault.New(fault.Invalid, "%s", err) })
	root.CompletionOptions.HiddenDefaultCmd = false

	f := root.PersistentFlags()
	f.StringVar(&c.output, "output", "text", "how to print: text or json")
	f.StringVar(&c.url, "url", "", "the broker's address (BUMPWIRE_URL; "+defaultURL+")")
	f.StringVar(&c.user, "user", "", "user name (BUMPWIRE_USER)")
	f.StringVar(&c.passwordFile, "password-file", "", "file that holds the password (or BUMPWIRE_PASSWORD, or BUMPWIRE_TOKEN)")
	f.BoolVar(&c.keystone, "keystone", false, "sign in with a token of OpenStack's Keystone, of the account that OS_CLOUD or the other OS_ variables name")
	f.StringVar(&c.osCloud, "os-cloud", "", "sign in so, with the account of this cloud in clouds.yaml")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return c.checkOutput(cmd) }

	root.AddCommand(
		newServe(c), newDemo(c), newPackage(c), newService(c), newPrice(c), newAgreement(c), newCredit(c), newTax(c), newZone(c), newPromise(c), newBudget(c), newEULA(c), newInstance(c), newBinding(c),
		newPlan(c), newTopology(c), newNetwork(c), newHost(c), newHealth(c), newEvents(c),
		newUsage(c), newBill(c), newPlatform(c), newOSB(c), newUser(c), newChange(c), newCloud(c), newStore(c), newVersion(c), newDocs(c),
	)
	return root
}

// anotherOutput annotates commands that can print in a form that others cannot.
const anotherOutput = "output"

func (c *cli) checkOutput(cmd *cobra.Command) error {
	if own := cmd.Annotations[anotherOutput]; c.output != "text" && c.output != "json" && (own == "" || c.output != own) {
		given := c.output
		c.output = "text"
		return fault.New(fault.Invalid, "--output is text or json, not %q", given)
	}
	return nil
}

// group makes a command that only has others under it: alone it shows its help,
// with a word it does not know it says so.
func group(cmd *cobra.Command, under ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return fault.New(fault.Invalid, "%q has no command %q", cmd.CommandPath(), args[0])
	}
	cmd.AddCommand(under...)
	return cmd
}

// exactly wants so many arguments; names are theirs, for the sentence.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return fault.New(fault.Invalid, "%q takes no argument", cmd.CommandPath())
		}
		return fault.New(fault.Invalid, "%q needs %s", cmd.CommandPath(), strings.Join(names, " and "))
	}
}

// atLeast lets the last argument be repeated.
func atLeast(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return exactly(names...)(cmd, args[:min(len(args), len(names))])
	}
}

// client speaks to the broker that flags and environment name.
func (c *cli) client() (*api.Client, error) {
	if c.keystone || c.osCloud != "" {
		return c.keystoneClient()
	}
	password := c.env("BUMPWIRE_PASSWORD")
	if c.passwordFile != "" {
		text, err := os.ReadFile(c.passwordFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the password: %s", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	client := &api.Client{
		URL:  cmp.Or(c.url, c.env("BUMPWIRE_URL"), defaultURL),
		User: cmp.Or(c.user, c.env("BUMPWIRE_USER")), Password: password,
		HTTP: &http.Client{Transport: transport()},
	}
	if c.user == "" && c.passwordFile == "" {
		client.Token = c.env("BUMPWIRE_TOKEN")
	}
	return client, nil
}

// keystoneClient shows tokens of Keystone instead of a password.
func (c *cli) keystoneClient() (*api.Client, error) {
	if c.user != "" || c.passwordFile != "" {
		return nil, fault.New(fault.Invalid, "sign in with --user and a password, or with Keystone, not with both")
	}
	signed := &withToken{RoundTripper: transport(), options: openstack.Options{Cloud: c.osCloud}}
	return &api.Client{URL: cmp.Or(c.url, c.env("BUMPWIRE_URL"), defaultURL), HTTP: &http.Client{Transport: signed}}, nil
}

// transport waits for the broker's consent before it sends a package's bytes.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ExpectContinueTimeout = 5 * time.Second
	return t
}

// call is a command that asks the broker.
func (c *cli) call(do func(ctx context.Context, api *api.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		client, err := c.client()
		if err != nil {
			return err
		}
		client.Region = c.region
		return do(cmd.Context(), client, args)
	}
}

// say prints a line for people; with --output json it stays silent.
func (c *cli) say(format string, args ...any) {
	if c.output == "text" {
		fmt.Fprintf(c.out, format+"\n", args...)
	}
}
