package broker

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// signed is an endpoint whose body an appliance has signed.
func signed[Req, Resp any](s *Server, h func(context.Context, *call, topology.InstanceID, Req) (Resp, error)) endpoint {
	return endpoint{
		takes: reflect.TypeFor[Req](),
		gives: reflect.TypeFor[Resp](),
		serve: func(ctx context.Context, c *call) (any, error) {
			body, err := c.body()
			if err != nil {
				return nil, err
			}
			id, err := s.checkSignature(ctx, c.r.Header, body)
			if err != nil {
				return nil, err
			}
			c.who = caller{name: string(id), role: "appliance", known: true}
			if t := trackedOf(c.w); t != nil {
				t.who = c.who
			}
			var req Req
			if err := c.parse(body, &req); err != nil {
				return nil, err
			}
			return h(ctx, c, id, req)
		},
	}
}

// checkSignature is the instance whose appliance signed a body. Nobody without its key
// learns whether there is such an instance.
func (s *Server) checkSignature(ctx context.Context, h http.Header, body []byte) (topology.InstanceID, error) {
	refused := fault.New(fault.Unauthorized, "%s names the instance, and %s is the HMAC-SHA256 of the body under its usage key, in hexadecimal",
		api.HeaderInstance, api.HeaderSignature)
	id, err := url.PathUnescape(h.Get(api.HeaderInstance))
	if err != nil || id == "" {
		return "", refused
	}
	given, err := hex.DecodeString(h.Get(api.HeaderSignature))
	if err != nil {
		return "", refused
	}
	key, err := s.Provision.UsageKey(ctx, topology.InstanceID(id))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	if !hmac.Equal(given, mac.Sum(nil)) || key == nil {
		return "", refused
	}
	return topology.InstanceID(id), nil
}

// reportUsage takes events in. One alone is answered by status; several are answered
// each.
func (s *Server) reportUsage(ctx context.Context, c *call, id topology.InstanceID, r api.UsageReport) (api.UsageOutcome, error) {
	none, single := api.UsageOutcome{}, r.Events == nil
	if single {
		r.Events = []api.UsageEvent{r.UsageEvent}
	} else if r.UsageEvent != (api.UsageEvent{}) {
		return none, fault.New(fault.Invalid, "the body is one event, or an object with only a list of events")
	}
	events := make([]metering.Event, len(r.Events))
	for n, e := range r.Events {
		if e.Quantity == nil {
			return none, fault.New(fault.Invalid, "event %d (%.64q) has no quantity", n+1, e.ID)
		}
		events[n] = metering.Event{ID: e.ID, Dimension: e.Dimension, Quantity: *e.Quantity, Time: e.Time}
	}
	fates, err := s.Meter.Report(ctx, id, events)
	if err != nil {
		return none, err
	}
	if single {
		return c.fateOf(fates[0])
	}
	return reportOf(fates), nil
}

// fateOf answers the fate of a single event.
func (c *call) fateOf(f metering.Fate) (o api.UsageOutcome, err error) {
	switch f.Outcome {
	case metering.Accepted:
		c.status = http.StatusCreated
	case metering.Conflict:
		return o, &fault.Error{Kind: fault.Conflict, Message: "another event was accepted with the id " + fmt.Sprintf("%q", f.ID),
			Details: []string{"given: " + asJSON(f.Given), "stored: " + asJSON(f.Stored)}}
	case metering.Refused:
		return o, fault.New(fault.Invalid, "%s", f.Reason)
	case metering.Duplicate:
	}
	return reportOf([]metering.Fate{f}), nil
}

func reportOf(fates []metering.Fate) api.UsageOutcome {
	o := api.UsageOutcome{Events: fates}
	for _, f := range fates {
		switch f.Outcome {
		case metering.Accepted:
			o.Accepted++
		case metering.Duplicate:
			o.Duplicates++
		case metering.Conflict:
			o.Conflicts++
		case metering.Refused:
			o.Refused++
		}
	}
	return o
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// reporting is the instance of the path, if the caller may know what it reports:
// operators, its tenant, and the vendor of its service.
func (s *Server) reporting(ctx context.Context, c *call) (provision.Instance, error) {
	i, err := s.Provision.Tombstone(ctx, "", c.instance())
	if err != nil {
		return i, err
	}
	service, err := s.Catalog.Service(ctx, i.Service)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return i, err
	}
	if !c.who.sees(string(i.Tenant)) && (err != nil || !c.who.sells(service.Vendor)) {
		return i, fault.New(fault.NotFound, "instance %q does not exist", i.ID)
	}
	return i, nil
}

// summariseUsage sums for operators all, for tenants their own, and for vendors what
// they sold, not to whom.
func (s *Server) summariseUsage(ctx context.Context, c *call) (api.UsageSummary, error) {
	f, err := s.sold(ctx, c)
	if err != nil {
		return api.UsageSummary{}, err
	}
	by, err := metering.ParseGrouping(c.query.Get("by"))
	if err != nil {
		return api.UsageSummary{}, err
	}
	seller, err := s.seller(ctx)
	if err != nil {
		return api.UsageSummary{}, err
	}
	if c.who.role == api.Vendor {
		if f.Tenant != "" || f.Instance != "" || slices.Contains(by, "tenant") || slices.Contains(by, "instance") {
			return api.UsageSummary{}, fault.New(fault.Forbidden, "vendors see what they sold, not to whom: sum by service, plan or dimension")
		}
		f.Services = seller.Of(c.who.vendor)
	}
	now := time.Now().UTC()
	if f.From.IsZero() {
		if f.From, err = s.Meter.Month(ctx, f.Tenant, now); err != nil {
			return api.UsageSummary{}, err
		}
	}
	if f.To.IsZero() {
		f.To = now
	}
	o := api.UsageSummary{From: f.From, To: f.To}
	if o.ClosedUntil, err = s.Meter.ClosedUntil(ctx); err != nil {
		return o, err
	}
	o.Items, err = s.Meter.Summarise(ctx, f, by, seller)
	if slices.Contains(by, "region") {
		for n := range o.Items {
			o.Items[n].Region = s.Provision.RegionName(o.Items[n].Region)
		}
	}
	return o, err
}

func (s *Server) showUsageKey(ctx context.Context, c *call) (api.UsageKey, error) {
	i, err := s.reporting(ctx, c)
	if err != nil {
		return api.UsageKey{}, err
	}
	key, err := s.Provision.UsageKey(ctx, i.ID)
	return api.UsageKey{Instance: string(i.ID), Key: hex.EncodeToString(key)}, err
}

func (s *Server) showUsageEvent(ctx context.Context, c *call) (api.UsageEventState, error) {
	i, err := s.reporting(ctx, c)
	if err != nil {
		return api.UsageEventState{}, err
	}
	return s.Meter.Event(ctx, i.ID, c.vars["event"])
}
