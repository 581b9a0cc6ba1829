package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// killedBilling is how many brokers are killed while they bill, unless BUMPWIRE_KILLED_BILLING says.
const killedBilling = 6

func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("BUMPWIRE_KILLED_BILLING")
	if text == "" {
		return killedBilling
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// killedInARound is how many are killed at most over one store, so that there are rounds on both back ends, and the end
// of the work, too, meets kills.
const killedInARound = 100

// Up to three brokers meter, rate and close three months, count what was reported in them, and issue their statements with credits and
// taxes, while one of them is killed again and again. What is billed is what one broker bills undisturbed.
func TestBillsOfBrokersThatAreKilled(t *testing.T) {
	t.Parallel()
	total := kills(t)
	months := billedMonths()
	undisturbed := newBilling(t, "", months)
	undisturbed.start()
	want := undisturbed.requireBilled()
	require.Equal(t, map[rating.Charge]int{
		rating.ChargeUsage: 5 * billedInstances, // of time in each month, of requests in two
		rating.ChargeTax:   len(months) * billedTenants, rating.ChargeCredit: 2 * billedTenants,
	}, want.charges)
	for killed, round := 0, 0; killed < total; round++ {
		where := ""
		if round%2 == 1 {
			where = storetest.MongoURI(t)
		}
		b := newBilling(t, where, months)
		before := killed
		for b.start(); killed < min(total, before+killedInARound) && (killed == before || !b.allIssued()); b.start() { // the first one works while the others come
			if len(b.live) < 3 && rand.N(3) == 0 {
				continue
			}
			time.Sleep(rand.N(150 * time.Millisecond)) // any moment of the work
			b.kill(rand.N(len(b.live)))
			killed++
		}
		require.Equal(t, want, b.requireBilled())
		t.Logf("round %d: %d killed", round+1, killed-before)
		b.stop()
	}
}

const (
	billedTenants, billedInstances = 96, 96

	billedWindow = 6 * time.Hour
)

// billing is brokers over a store in which three months are to be billed.
type billing struct {
	*brokers
	statements int
}

// billedMonths are the beginnings of the three months before this one.
func billedMonths() (months []time.Time) {
	now := time.Now().UTC()
	for n := -3; n < 0; n++ {
		months = append(months, time.Date(now.Year(), now.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC))
	}
	return months
}

// newBilling has no broker running.
func newBilling(t *testing.T, where string, months []time.Time) *billing {
	b := &billing{newBrokers(t, 1, where, "BUMPWIRE_METERING_WINDOW="+billedWindow.String(), "BUMPWIRE_METERING_LATENESS=1h"), billedTenants * len(months)}
	b.furnish(0)
	b.stop()
	d := b.open(t, where)
	plan, s := b.meter(d, "small"), store.New(d)
	for n := range billedInstances {
		i := provision.Instance{
			ID: topology.InstanceID(fmt.Sprint("billed-", n)), Tenant: topology.TenantID(fmt.Sprint("org-", n%billedTenants)),
			Platform: "cf", Service: b.service.ID, Plan: plan, State: provision.Deleted,
		}
		begin := months[0].Add(time.Duration(n) * 1001 * time.Second)
		for k, state := range []provision.State{provision.Active, provision.Deprovisioning, provision.Active, provision.Deleted} {
			i.History = append(i.History, provision.Event{Seq: k + 1, At: begin.AddDate(0, 0, 25*k), State: state, Plan: i.Plan})
		}
		require.NoError(t, provision.Documents(s).Create(t.Context(), string(i.ID), i))
	}
	b.account(s, months)
	require.NoError(t, s.Close())
	return b
}

// meter gives a plan of the service a price for what it reports, as if it had always had it, and answers its id.
func (b *billing) meter(d store.Driver, configuration string) catalog.PlanID {
	doc, err := d.Get(b.t.Context(), "services", string(b.service.ID))
	require.NoError(b.t, err)
	var s catalog.Service
	require.NoError(b.t, json.Unmarshal(doc.Body, &s))
	p := &s.Plans[slices.IndexFunc(s.Plans, func(p catalog.Plan) bool { return p.Configuration == configuration })]
	p.Prices = append(p.Prices, catalog.Price{Dimension: "requests", Unit: "request", Amount: decimal.New(7, -4), Currency: "EUR"})
	doc.Body, err = json.Marshal(s)
	require.NoError(b.t, err)
	require.NoError(b.t, d.Put(b.t.Context(), "services", doc))
	b.service.Plans = s.Plans
	return p.ID
}

// account enters what is billed beside time: requests in the first and the third month, a tax and two credits a tenant.
func (b *billing) account(s *store.Store, months []time.Time) {
	ctx, quiet := b.t.Context(), slog.New(slog.DiscardHandler)
	m, err := metering.New(metering.Config{
		Store: s, Window: billedWindow, Log: quiet, Catalog: b,
		Instances: provision.New(provision.Config{Store: s, Log: quiet, Engine: work.New(s, quiet, work.Options{})}),
	})
	require.NoError(b.t, err)
	vat := rating.Tax{Name: "VAT", Percent: decimal.New(19, 0), From: months[0]}
	require.NoError(b.t, store.In[rating.Tax](s, "taxes", nil).Create(ctx, "vat", vat)) // as if it had been set in time
	for n := range billedInstances {
		var events []metering.Event
		for k, day := range []int{3, 4, 5, 20, 63, 64} {
			at := months[0].AddDate(0, 0, day).Add(time.Duration(n) * 1001 * time.Second)
			events = append(events, metering.Event{ID: strconv.Itoa(k), Dimension: "requests", Quantity: decimal.New(int64(101*n+k), 0), Time: at})
		}
		fates, err := m.Report(ctx, topology.InstanceID(fmt.Sprint("billed-", n)), events)
		require.NoError(b.t, err)
		for _, f := range fates {
			require.Equal(b.t, metering.Accepted, f.Outcome, f.Reason)
		}
	}
	for n := range billedTenants {
		for k := range 2 {
			_, err := m.Grant(ctx, metering.Credit{
				ID: strconv.Itoa(k), Tenant: topology.TenantID(fmt.Sprint("org-", n)), Currency: "EUR", Amount: decimal.New(int64(n+1), -2), Reason: "an outage",
			})
			require.NoError(b.t, err)
		}
	}
}

// Prices are those of the service.
func (b *billing) Prices(_ context.Context, _ catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	for _, p := range b.service.Plans {
		if p.ID == plan {
			return p.Prices, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no plan %q", plan)
}

// Vendor is whose service it is.
func (b *billing) Vendor(context.Context, catalog.ServiceID) (string, error) { return "example", nil }

func (b *billing) open(t *testing.T, where string) store.Driver {
	var d store.Driver
	var err error
	if where == "" {
		d, err = sqlitestore.Open(t.Context(), filepath.Join(b.dir, "data", "bumpwire.db"))
	} else {
		d, err = mongostore.Open(t.Context(), where, "")
	}
	require.NoError(t, err)
	return d
}

func (b *billing) allIssued() bool {
	all, err := b.admin().Statements(b.t.Context(), api.BillFilter{})
	return err == nil && len(all) == b.statements
}

// billed is what was billed, in words that are the same in every store.
type billed struct {
	usage, bills []string // one each of every window
	lines        []string // of statements
	charges      map[rating.Charge]int
}

// requireBilled waits until everything is billed; then numbers have no gap, the chain is
// sound, and no window has two records.
func (b *billing) requireBilled() (all billed) {
	b.t.Helper()
	ctx := b.t.Context()
	require.Eventually(b.t, b.allIssued, 10*time.Minute, 200*time.Millisecond, "all statements are issued")
	password := filepath.Join(b.dir, "password")
	require.NoError(b.t, os.WriteFile(password, []byte("root-password"), 0o600))
	_, err := b.run("bill", "verify", "--url", b.any(), "--user", "root", "--password-file", password)
	require.NoError(b.t, err)
	statements, err := b.admin().Statements(ctx, api.BillFilter{})
	require.NoError(b.t, err)
	all.charges = map[rating.Charge]int{}
	for n, s := range statements {
		require.Equal(b.t, n+1, s.Number)
		for _, l := range b.linesOf(ctx, s.Number) {
			all.lines = append(all.lines, fmt.Sprint(l.Tenant, " ", l.Instance, " ", l.Charge, " ", l.Dimension, " ", l.Period.Start, " ", l.Quantity, " ", l.Amount, " ", l.Corrects))
			all.charges[l.Charge]++
		}
	}
	usage, err := b.admin().Usage(ctx, api.BillFilter{})
	require.NoError(b.t, err)
	for _, u := range usage {
		all.usage = append(all.usage, fmt.Sprint(u.Instance, " ", u.Dimension, " ", u.Window.Start, " ", u.Seconds, " ", u.Quantity))
	}
	bills, err := b.admin().Bills(ctx, api.BillFilter{})
	require.NoError(b.t, err)
	for _, r := range bills {
		all.bills = append(all.bills, fmt.Sprint(r.Instance, " ", r.Dimension, " ", r.Start, " ", r.Amount))
	}
	slices.Sort(all.usage)
	slices.Sort(all.bills)
	slices.Sort(all.lines)
	return all
}

func (b *billing) linesOf(ctx context.Context, number int) []rating.Line {
	b.t.Helper()
	s, err := b.admin().Statement(ctx, number)
	require.NoError(b.t, err)
	return s.Lines
}
