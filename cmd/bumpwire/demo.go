//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// demoOptions are the flags of `bumpwire demo`.
type demoOptions struct {
	cloud     string        // linux or openstack
	appliance string        // path of the OVA
	pictures  string        // folder for the SVGs
	rate      int           // echo requests per second
	window    time.Duration // metering window
}

func newDemo(c *cli) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Tell the whole story with real packets, and leave nothing behind",
		Long: `Tell the whole story with real packets, and leave nothing behind.

The demo starts a broker on the linux cloud of this machine, makes a tenant
network with two hosts and a gateway, pushes and publishes a firewall appliance,
and then behaves as a platform would: it provisions and binds the service while
a ping and a TCP stream go on, tries an allowed and a blocked port, closes a
metering window, and removes everything again. It ends with a verdict; with
--output json that is one object on standard output.

It needs root, or an ordinary user who may make user namespaces.

With --cloud openstack the broker works on the OpenStack that the cloud section of the
configuration's environment variables or OS_CLOUD names. Its account must be an
administrator's, and this machine one of those with the cloud's switch: the hosts are
namespaces that are plugged into it, for which root is needed. The appliance is
a server of Nova's that boots from Glance.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.cloud, "cloud", "linux", "the cloud: linux or openstack")
	f.StringVar(&o.appliance, "appliance", filepath.FromSlash("build/appliance/bumpwire-firewall.ova"), "the package to demonstrate; made by testdata/appliance/build")
	f.StringVar(&o.pictures, "pictures", filepath.FromSlash("build/demo"), "folder for before and after, each as .svg and .json")
	f.IntVar(&o.rate, "rate", 1000, "echo requests per second")
	f.DurationVar(&o.window, "window", 5*time.Second, "length of a metering window; an hour in real life")
	return cmd
}

// demo runs the story and gives the verdict.
func (c *cli) demo(ctx context.Context, o demoOptions) error {
	if o.cloud != "linux" && o.cloud != "openstack" {
		return fault.New(fault.Invalid, "--cloud must be linux or openstack")
	}
	if o.rate < 1 || o.rate > 10000 {
		return fault.New(fault.Invalid, "--rate must be from 1 to 10000 per second")
	}
	if o.window < time.Second || time.Hour%o.window != 0 {
		return fault.New(fault.Invalid, "--window must be at least 1s and divide an hour evenly")
	}
	if _, err := os.Stat(o.appliance); err != nil {
		return fault.New(fault.Invalid, "there is no appliance at %s; `make demo` builds one, --appliance names another", o.appliance)
	}
	n := &narrator{out: c.out, begin: time.Now()}
	if c.output == "json" {
		n.out = c.errs
	}
	r := &report{BillingRecords: []api.BillingRecord{}, Leftovers: []string{}, Pictures: []string{}}
	err := c.tell(ctx, o, n, r)
	r.Seconds = time.Since(n.begin).Seconds()
	if err != nil {
		r.Failed = err.Error()
	}
	n.verdict(r)
	if c.output == "json" {
		if err := c.printJSON(r); err != nil {
			return err
		}
	}
	if err == nil && !r.good() {
		return errors.New("the demo did not hold all that it promises; the verdict says what")
	}
	return err
}

// tell runs the story on a stage and clears the stage whatever happens, also
// after Ctrl-C.
func (c *cli) tell(ctx context.Context, o demoOptions, n *narrator, r *report) (err error) {
	s, err := openStage(ctx, c, o, n)
	defer func() {
		left, clearErr := s.clear(context.WithoutCancel(ctx), n)
		r.Leftovers = append(r.Leftovers, left...)
		err = errors.Join(err, clearErr)
	}()
	if err != nil {
		return err
	}
	return s.play(ctx, r)
}

// verdict sums up for people.
func (n *narrator) verdict(r *report) {
	n.title("The verdict")
	left := yesNo(len(r.Leftovers) == 0, "nothing", fmt.Sprint(r.Leftovers))
	if r.Failed != "" {
		n.say("The story stopped early: %s", r.Failed)
		n.say("left behind         %s", left)
		return
	}
	n.say("path before         %s", arrows(r.PathBefore))
	n.say("path with service   %s", arrows(r.PathAfter))
	n.say("allowed port        %s", yesNo(r.Allowed, "passes", "DOES NOT PASS"))
	n.say("blocked port        %s", yesNo(r.Blocked, "passed before, is blocked by the service", "NOT BLOCKED as promised"))
	n.say("echo requests       %d sent, %d lost (%d of %d during insertion, %d of %d in service, %d of %d during removal)",
		r.SentPackets, r.LostPackets, r.Insertion.Lost, r.Insertion.Sent, r.Service.Lost, r.Service.Sent, r.Removal.Lost, r.Removal.Sent)
	n.say("TCP stream          %s, %.1f MB, longest pause %.0f ms", yesNo(r.StreamBroken, "BROKE", "lived through it all"), float64(r.StreamBytes)/1e6, r.StreamSilence*1000)
	n.say("billing records     %d", len(r.BillingRecords))
	n.say("restored            %s", yesNo(r.Restored, "the topology is what it was", "NO"))
	n.say("left behind         %s", left)
	n.say("took                %.0f s", r.Seconds)
}
