package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
)

// selling has a world meter what appliances report.
func selling(t testing.TB) func(*broker.Config) {
	return func(c *broker.Config) {
		var err error
		c.Meter, err = metering.New(metering.Config{Store: c.Store, Instances: c.Provision, Catalog: c.Catalog, Log: c.Log, Window: time.Second, Grace: time.Millisecond})
		require.NoError(t, err)
	}
}

// newSeller is a world whose service sells requests, too.
func newSeller(t testing.TB) *world {
	t.Helper()
	return newSellerOn(t, memory(t))
}

func newSellerOn(t testing.TB, driver store.Driver) *world {
	t.Helper()
	w := newWorldOn(t, driver, selling(t))
	_, err := w.admin.SetPrice(context.Background(), string(w.service.ID), api.NewPrice{
		Plan: "small", Price: api.Price{Dimension: "requests", Unit: "request", Amount: decimal.New(1, -3), Currency: "EUR"},
	})
	require.NoError(t, err)
	return w
}

// reporter is the appliance of an active instance.
func (w *world) reporter(instance string) *api.Reporter {
	w.t.Helper()
	key, err := w.admin.UsageKey(w.t.Context(), instance)
	require.NoError(w.t, err)
	return &api.Reporter{URL: w.server.URL, Key: key}
}

func requests(id string, quantity int64, at time.Time) api.UsageEvent {
	q := decimal.New(quantity, 0)
	return api.UsageEvent{ID: id, Dimension: "requests", Quantity: &q, Time: at}
}

func TestAppliancesReportWhatWasUsed(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	ctx := t.Context()
	r, now := w.reporter("one"), time.Now()

	o, err := r.Report(ctx, requests("a", 2, now), requests("a", 2, now), requests("b", 3, now.Add(-time.Hour)), requests("a", 4, now))
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1, 1}, []int{o.Accepted, o.Duplicates, o.Conflicts, o.Refused}, "%+v", o)

	state, err := w.admin.UsageEvent(ctx, "one", "a")
	require.NoError(t, err)
	require.False(t, state.Counted)
	require.Eventually(t, func() bool {
		_, err := w.config.Meter.CatchUp(ctx)
		require.NoError(t, err)
		state, err = w.admin.UsageEvent(ctx, "one", "a")
		require.NoError(t, err)
		return state.Counted
	}, time.Minute, 50*time.Millisecond)
	usage, err := w.admin.Usage(ctx, api.BillFilter{Instance: "one"})
	require.NoError(t, err)
	counted := decimal.Zero
	for _, u := range usage {
		if u.Dimension == "requests" {
			require.Contains(t, state.Usage, u.ID)
			counted = counted.Add(u.Quantity)
		}
	}
	require.Equal(t, "2", counted.String(), "of those with one id the first")
	_, err = w.admin.UsageEvent(ctx, "one", "b")
	require.ErrorIs(t, err, fault.NotFound, "what was refused was not accepted")
}

func TestASingleEventIsAnsweredByStatus(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	key := w.reporter("one").Key
	now := time.Now().UTC().Format(time.RFC3339Nano)
	event := func(id, quantity, at string) string {
		return fmt.Sprintf(`{"id":%q,"dimension":"requests","quantity":%s,"time":%q}`, id, quantity, at)
	}
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{event("a", "1", now), 201, `"outcome":"accepted"`},
		{event("a", `"1.0"`, now), 200, `"outcome":"duplicate"`},
		{event("a", "2", now), 409, `"stored: {\"id\":\"a\",\"dimension\":\"requests\",\"quantity\":\"1\",`},
		{event("b", "-1", now), 400, "a quantity is 0 to 10^15"},
		{event("b", "1", "2999-01-01T00:00:00Z"), 400, "in the future"},
		{event("b", "1e99", now), 400, "a quantity is 0 to 10^15"},
		{event("b", "1e9999", now), 400, "a number that is too long"},
		{event("b", `"1e99999999999"`, now), 400, "malformed"},
		{`{"id":"b","dimension":"requests","time":"` + now + `"}`, 400, "has no quantity"},
		{`{"id":"b","size":1}`, 400, "there is no field"},
		{`{"id":"b","events":[]}`, 400, "one event, or an object with only a list"},
		{`{"events":[]}`, 200, `"accepted":0`},
		{`{"events":[` + strings.Repeat(event("c", "1", now)+",", 1000) + event("c", "1", now) + `]}`, 413, "send at most 1000"},
		{strings.Repeat(" ", 1<<20) + event("a", "1", now), 413, "larger than 1048576 bytes"},
	} {
		h, err := key.Sign([]byte(c.body))
		require.NoError(t, err)
		status, body := w.report(h, c.body)
		require.Equal(t, c.status, status, "%.200s: %.300s", c.body, body)
		require.Contains(t, body, c.want)
	}
}

// report sends a body with headers as they are.
func (w *world) report(h http.Header, body string) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", w.server.URL+"/v1/usage", strings.NewReader(body))
	require.NoError(w.t, err)
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, b.String()
}

func TestOnlyTheInstancesOwnSignatureReports(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	w.provisioned("two")
	body, err := json.Marshal(api.UsageReport{UsageEvent: requests("a", 1, time.Now())})
	require.NoError(t, err)
	one, two := w.reporter("one").Key, w.reporter("two").Key
	require.NotEqual(t, one.Key, two.Key)

	good, err := one.Sign(body)
	require.NoError(t, err)
	for name, spoil := range map[string]func(http.Header){
		"no signature":       func(h http.Header) { h.Del(api.HeaderSignature) },
		"no instance":        func(h http.Header) { h.Del(api.HeaderInstance) },
		"another's instance": func(h http.Header) { h.Set(api.HeaderInstance, "two") },
		"nobody's instance":  func(h http.Header) { h.Set(api.HeaderInstance, "three") },
		"no hexadecimal":     func(h http.Header) { h.Set(api.HeaderSignature, "zz") },
		"half a signature":   func(h http.Header) { h.Set(api.HeaderSignature, h.Get(api.HeaderSignature)[:32]) },
		"a signature of other": func(h http.Header) {
			o, _ := one.Sign([]byte("{}"))
			h.Set(api.HeaderSignature, o.Get(api.HeaderSignature))
		},
		"an operator's login": func(h http.Header) { h.Del(api.HeaderSignature); h.Set("Authorization", "Basic YWRtaW46eA==") },
		"a key of no bytes": func(h http.Header) {
			o, _ := api.UsageKey{Instance: "three"}.Sign(body)
			h.Set(api.HeaderInstance, "three")
			h.Set(api.HeaderSignature, o.Get(api.HeaderSignature))
		},
	} {
		h := good.Clone()
		spoil(h)
		status, answer := w.report(h, string(body))
		require.Equal(t, 401, status, "%s: %s", name, answer)
	}
	status, answer := w.report(good, string(body))
	require.Equal(t, 201, status, answer)
}

func TestUsageKeysAreTheVendors(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	ctx := t.Context()
	vendor := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	key, err := vendor.UsageKey(ctx, "one")
	require.NoError(t, err)
	require.Equal(t, w.reporter("one").Key, key)
	_, err = w.user(api.NewUser{Name: "victor", Role: api.Vendor, Vendor: "other"}).UsageKey(ctx, "one")
	require.ErrorIs(t, err, fault.NotFound)
	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	_, err = own.UsageKey(ctx, "one")
	require.ErrorIs(t, err, fault.Forbidden, "who pays does not sign")

	_, err = w.reporter("one").Report(ctx, requests("a", 1, time.Now()))
	require.NoError(t, err)
	for _, c := range []*api.Client{own, vendor} {
		state, err := c.UsageEvent(ctx, "one", "a")
		require.NoError(t, err)
		require.Equal(t, "a", state.ID)
	}
	_, err = w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"}).UsageEvent(ctx, "one", "a")
	require.ErrorIs(t, err, fault.NotFound)
}

// BenchmarkUsage counts events taken in over HTTP by 64 connections, one in a request, on
// disk in SQLite.
func BenchmarkUsage(b *testing.B) {
	driver, err := sqlitestore.Open(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	w := newSellerOn(b, driver)
	w.provisioned("one")
	r, now := w.reporter("one"), time.Now()
	const connections = 64
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	r.HTTP = &http.Client{Transport: transport}
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range connections {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if o, err := r.Report(b.Context(), requests(fmt.Sprint("event-", n), 1, now)); err != nil || o.Accepted != 1 {
					b.Errorf("%v %+v", err, o)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func TestBillsAreExported(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	ctx := t.Context()
	_, err := w.reporter("one").Report(ctx, requests("a", 2, time.Now()))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := w.config.Meter.CatchUp(ctx)
		require.NoError(t, err)
		state, err := w.admin.UsageEvent(ctx, "one", "a")
		require.NoError(t, err)
		return state.Counted
	}, time.Minute, 50*time.Millisecond)

	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	text, err := own.ExportBills(ctx, api.BillFilter{}, "focus")
	require.NoError(t, err)
	rows, findings, err := focus.Check(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, findings)
	bills, err := own.Bills(ctx, api.BillFilter{})
	require.NoError(t, err)
	require.Equal(t, len(bills), rows)
	require.Contains(t, string(text), "example-firewall, plan small: requests")

	page, err := own.ExportBills(ctx, api.BillFilter{}, "html")
	require.NoError(t, err)
	require.Contains(t, string(page), "Total of "+tenant)
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"})
	page, err = other.ExportBills(ctx, api.BillFilter{Tenant: tenant}, "html")
	require.NoError(t, err)
	require.Contains(t, string(page), "Nothing was billed.")
	_, err = own.ExportBills(ctx, api.BillFilter{}, "xml")
	require.ErrorIs(t, err, fault.Invalid)
}

func TestUsageIsSummedForWhoMaySeeIt(t *testing.T) {
	t.Parallel()
	w := newSeller(t)
	w.provisioned("one")
	ctx := t.Context()
	require.Eventually(t, func() bool {
		_, err := w.config.Meter.CatchUp(ctx)
		require.NoError(t, err)
		all, err := w.admin.Bills(ctx, api.BillFilter{})
		require.NoError(t, err)
		return len(all) > 0
	}, time.Minute, 50*time.Millisecond)
	month := api.BillFilter{From: time.Now().Add(-time.Hour)} // not by the calendar: it may have just turned

	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	vendor := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	for name, c := range map[string]*api.Client{"operator": w.admin, "tenant": own, "vendor": vendor} {
		s, err := c.UsageSummary(ctx, month, "vendor,plan")
		require.NoError(t, err, name)
		require.NotEmpty(t, s.Items, name)
		require.False(t, s.ClosedUntil.IsZero())
		for _, i := range s.Items {
			require.Equal(t, "example", i.Vendor)
			require.True(t, i.Quantity.IsPositive(), "%+v", i)
		}
	}
	for name, c := range map[string]*api.Client{
		"another tenant": w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"}),
		"another vendor": w.user(api.NewUser{Name: "victor", Role: api.Vendor, Vendor: "other"}),
	} {
		s, err := c.UsageSummary(ctx, month, "")
		require.NoError(t, err, name)
		require.Empty(t, s.Items, name)
	}
	_, err := vendor.UsageSummary(ctx, month, "tenant")
	require.ErrorIs(t, err, fault.Forbidden)
	_, err = vendor.UsageSummary(ctx, api.BillFilter{Instance: "one"}, "plan")
	require.ErrorIs(t, err, fault.Forbidden)
	_, err = own.UsageSummary(ctx, month, "colour")
	require.ErrorIs(t, err, fault.Invalid)
}
