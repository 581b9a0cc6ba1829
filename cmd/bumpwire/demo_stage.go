//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// stage is what the story is played on: a broker of its own in a folder of its
// own, over a cloud with a scope of its own.
type stage struct {
	*narrator
	cli      *cli
	options  demoOptions
	dir      string
	ground   ground
	broker   *running
	platform *api.OSB
	admin    *api.Client
	traffic  *traffic
}

// openStage sets the stage up. What it returns beside an error must be cleared
// too.
func openStage(ctx context.Context, c *cli, o demoOptions, n *narrator) (*stage, error) {
	// The process keeps its id when it enters a user namespace by starting anew,
	// so both starts mean the same folder.
	id := strconv.FormatInt(int64(os.Getpid()), 36)
	s := &stage{narrator: n, cli: c, options: o, dir: filepath.Join(os.TempDir(), "bumpwire-demo-"+id)}
	conf := standard()
	conf.Server.Listen, conf.Server.Data = "127.0.0.1:0", s.dir
	conf.Metering.Window, conf.Metering.Schedule = o.window, "@every 1h" // the demo closes its window itself
	conf.Monitor.Every = time.Second
	if s.ground = (&branch{scope: "demo" + id, dir: filepath.Join(s.dir, "linux")}); o.cloud == "openstack" {
		given, err := readConfig("", c.env)
		if err != nil {
			return s, err
		}
		s.ground = &region{name: "demo" + id, config: given.Cloud}
	}
	if err := s.ground.configure(ctx, &conf); err != nil {
		return s, err
	}
	if err := os.MkdirAll(o.pictures, 0o755); err != nil {
		return s, fault.New(fault.Invalid, "cannot make the folder for pictures: %s", err)
	}
	n.say("A broker starts on %s.", s.ground.about())
	// The story must end in order after Ctrl-C, so the broker outlives ctx.
	var err error
	if s.broker, err = start(context.WithoutCancel(ctx), conf, slog.New(slog.NewTextHandler(c.errs, &slog.HandlerOptions{Level: slog.LevelWarn}))); err != nil {
		return s, err
	}
	return s, s.credentials(ctx)
}

// credentials are made up for this one show.
func (s *stage) credentials(ctx context.Context) error {
	platform, admin := rand.Text(), rand.Text()
	s.platform = &api.OSB{URL: s.broker.URL(), User: "platform", Password: platform, Poll: 100 * time.Millisecond,
		Identity: api.Identity{Platform: "demo", Value: map[string]string{"username": "demo"}}}
	s.admin = &api.Client{URL: s.broker.URL(), User: "admin", Password: admin}
	return errors.Join(
		s.broker.accounts.SetPlatform(ctx, s.platform.User, platform),
		s.broker.accounts.SetOperator(ctx, s.admin.User, admin),
	)
}

// public is the server behind the gateway.
func (s *stage) public() string { return s.ground.public() }

// push uploads the package with a progress bar.
func (s *stage) push(ctx context.Context) (api.Pushed, error) {
	f, size, err := openUpload(s.options.appliance)
	if err != nil {
		return api.Pushed{}, err
	}
	defer f.Close()
	s.say("POST /v1/packages with %s, %s", filepath.Base(s.options.appliance), bytesOf(size))
	seen, finish := s.cli.progress(filepath.Base(s.options.appliance), size)
	defer finish()
	return s.admin.Push(ctx, "demo-vendor", f, size, seen)
}

// follow tells the steps of an operation until it ends.
func (s *stage) follow(ctx context.Context, operation string) error {
	tell := s.steps()
	o, err := s.platform.Wait(ctx, demoInstance, operation, func(o api.LastOperation) { tell(o.Description) })
	if err != nil {
		return err
	}
	if o.State != api.Succeeded {
		return fmt.Errorf("the operation failed: %s", o.Description)
	}
	return nil
}

// closedRecords waits until a window that held the service from its start to its
// end is over, closes it, and lists the billing records.
func (s *stage) closedRecords(ctx context.Context) ([]api.BillingRecord, error) {
	end := time.Now().Add(s.options.window).Truncate(s.options.window).Add(s.options.window)
	for at := end; ; at = time.Now().Add(200 * time.Millisecond) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Until(at)):
		}
		_, err := s.admin.CloseBills(ctx, end)
		if errors.Is(err, fault.Conflict) {
			continue // a window stays open for a moment, so that late history is counted
		}
		if err != nil {
			return nil, err
		}
		return s.admin.Bills(ctx, api.BillFilter{Tenant: s.ground.tenant()})
	}
}

// readPage is an answer of an appliance, which is not trusted: its length is
// bounded and it is made harmless for a terminal.
func readPage(resp *http.Response) (string, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return "", fmt.Errorf("the appliance's answer broke off: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the appliance answers %s", resp.Status)
	}
	return harmless(strings.TrimSpace(string(body))), nil
}

// clearWithin is how long taking the stage down may take.
const clearWithin = 3 * time.Minute

// clear takes everything down and lists what it could not remove.
func (s *stage) clear(ctx context.Context, n *narrator) (left []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, clearWithin)
	defer cancel()
	n.title("The stage is cleared")
	if s.traffic != nil {
		s.traffic.close(0)
	}
	if s.ground != nil {
		left, err = s.ground.clear(ctx, s)
	}
	err = errors.Join(err, os.RemoveAll(s.dir))
	if _, gone := os.Stat(s.dir); gone == nil {
		left = append(left, "folder "+s.dir)
	}
	return left, err
}
