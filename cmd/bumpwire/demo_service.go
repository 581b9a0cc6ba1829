//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

// lifecycle provisions, uses, bills and removes the service.
func (s *stage) lifecycle(ctx context.Context, r *report, o offer) (times phases, err error) {
	if times, err = s.provision(ctx, r, o); err != nil {
		return times, err
	}
	if err := s.firewall(ctx, r); err != nil {
		return times, err
	}
	if s.ground.dial() == nil {
		s.say("The story leaves the binding out: servers of this cloud run no programs, and have no management side.")
	} else if err := s.bind(ctx, o); err != nil {
		return times, err
	}
	if err := s.bill(ctx, r); err != nil {
		return times, err
	}
	return times, s.deprovision(ctx, &times, o)
}

// phases are the moments between which packets are counted.
type phases struct{ asked, inserted, removing, removed time.Time }

func (s *stage) provision(ctx context.Context, r *report, o offer) (times phases, err error) {
	s.title("A platform provisions %s, plan %s, on network %s", o.serviceName, o.planName, demoNetwork)
	wanted := map[string]any{"networks": []string{s.ground.network()}, "firewall.block-tcp-ports": blockedPort}
	if len(o.eulas) > 0 {
		wanted["accept_eulas"] = o.eulas
	}
	parameters, _ := json.Marshal(wanted) // strings always marshal
	times.asked = time.Now()
	a, err := s.platform.Provision(ctx, demoInstance, api.OSBProvision{
		ServiceID: o.service, PlanID: o.plan, OrganizationGUID: s.ground.tenant(), SpaceGUID: "demo", Parameters: parameters,
	})
	if err != nil {
		return times, err
	}
	s.say("PUT /v2/service_instances/%s answers 202, operation %s", demoInstance, a.Operation)
	if err := s.follow(ctx, a.Operation); err != nil {
		return times, err
	}
	times.inserted = time.Now()
	f, err := s.picture(ctx, r, "after")
	if err != nil {
		return times, err
	}
	if r.PathAfter, err = path(ctx, s.ground, f, pingingHost, demoNetwork); err != nil {
		return times, err
	}
	s.say("A packet of %s now passes: %s", pingingHost, arrows(r.PathAfter))
	return times, nil
}

// firewall tries both ports through the appliance.
func (s *stage) firewall(ctx context.Context, r *report) error {
	s.title("The firewall does its work")
	allowed, err := s.traffic.reaches(ctx, pingingHost, allowedPort)
	if err != nil {
		return err
	}
	through, err := s.traffic.reaches(ctx, pingingHost, blockedPort)
	if err != nil {
		return err
	}
	r.Allowed, r.Blocked = allowed, !through
	s.say("Port %s: %s", allowedPort, yesNo(allowed, "passes, as it should", "DOES NOT PASS"))
	s.say("Port %s: %s", blockedPort, yesNo(through, "PASSES although it should be blocked", "blocked, as the tenant asked"))
	return nil
}

// bind fetches credentials and uses them on the appliance's management side.
func (s *stage) bind(ctx context.Context, o offer) error {
	s.title("The platform binds it and gets a login of its own to its management side")
	b, err := s.platform.Bind(ctx, demoInstance, demoBinding, api.OSBBind{ServiceID: o.service, PlanID: o.plan})
	if err != nil {
		return err
	}
	if b.Operation != "" { // the appliance is told the login first
		l, err := s.platform.WaitBinding(ctx, demoInstance, demoBinding, b.Operation, nil)
		if err != nil {
			return err
		}
		if l.State != api.Succeeded {
			return fmt.Errorf("the binding failed: %s", l.Description)
		}
		if b, err = s.platform.GetBinding(ctx, demoInstance, demoBinding); err != nil {
			return err
		}
	}
	c := b.Credentials
	if c == nil {
		return errors.New("the binding hands out no credentials")
	}
	s.say("credentials: %s, user %s, password (%d characters, not shown)", c.URI, c.Username, len(c.Password))
	counters, err := s.ask(ctx, c.URI+"/counters", c.Username, c.Password)
	if err != nil {
		return err
	}
	s.say("GET /counters with them: %s", counters)
	return nil
}

// ask gets a page from the tenant's management network.
func (s *stage) ask(ctx context.Context, url, user, password string) (string, error) {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return nil, err
		}
		return s.ground.dial()(ctx, to)
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.SetBasicAuth(user, password)
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("the appliance does not answer: %w", err)
	}
	defer resp.Body.Close()
	return readPage(resp)
}

// bill waits for a metering window to end and closes it.
func (s *stage) bill(ctx context.Context, r *report) error {
	s.title("A metering window ends, and is billed")
	s.say("Windows last %s here, an hour in real life.", s.options.window)
	records, err := s.closedRecords(ctx)
	if err != nil {
		return err
	}
	r.BillingRecords = records
	for _, b := range records {
		s.say("%s – %s  %s s at %s %s per %s = %s %s", b.Start.Format("15:04:05"), b.End.Format("15:04:05"), b.Seconds, b.UnitPrice, b.Currency, b.Unit, b.Amount, b.Currency)
	}
	return nil
}

func (s *stage) deprovision(ctx context.Context, times *phases, o offer) error {
	s.title("The platform unbinds and removes the service")
	if err := s.unbind(ctx, o); err != nil {
		return err
	}
	times.removing = time.Now()
	a, err := s.platform.Deprovision(ctx, demoInstance, o.service, o.plan)
	if err != nil {
		return err
	}
	if err := s.follow(ctx, a.Operation); err != nil {
		return err
	}
	times.removed = time.Now()
	return nil
}

func (s *stage) unbind(ctx context.Context, o offer) error {
	if s.ground.dial() == nil {
		return nil // there is none
	}
	gone, err := s.platform.Unbind(ctx, demoInstance, demoBinding, o.service, o.plan)
	if err != nil {
		return err
	}
	if gone.Operation != "" {
		if _, err := s.platform.WaitBinding(ctx, demoInstance, demoBinding, gone.Operation, nil); err != nil {
			return err
		}
	}
	s.say("DELETE of the binding: done, and its login with it")
	return nil
}
