package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// killedBilling is how many brokers are killed while they bill, unless BUMPWIRE_KILLED_BILLING says.
const killedBilling = 6

// Up to three brokers meter, rate and close three months, and issue their statements, while one of them is killed
// again and again. What is billed is what one broker bills undisturbed.
func TestBillsOfBrokersThatAreKilled(t *testing.T) {
	t.Parallel()
	total := killedBilling
	if text := os.Getenv("BUMPWIRE_KILLED_BILLING"); text != "" {
		var err error
		total, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	months := billedMonths()
	undisturbed := newBilling(t, "", months)
	undisturbed.start()
	want := undisturbed.requireBilled()
	require.Len(t, want.lines, len(months)*billedInstances)
	for killed, round := 0, 0; killed < total; round++ {
		where := ""
		if round%2 == 1 {
			where = storetest.MongoURI(t)
		}
		b := newBilling(t, where, months)
		before := killed
		for b.start(); killed < total && !b.allIssued(); b.start() { // the first one works while the others come
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

const billedTenants, billedInstances = 96, 96

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
	b := &billing{newBrokers(t, 1, where, "BUMPWIRE_METERING_WINDOW=6h", "BUMPWIRE_METERING_LATENESS=1h"), billedTenants * len(months)}
	b.furnish(0)
	b.stop()
	s := store.New(b.open(t, where))
	for n := range billedInstances {
		i := provision.Instance{
			ID: topology.InstanceID(fmt.Sprint("billed-", n)), Tenant: topology.TenantID(fmt.Sprint("org-", n%billedTenants)),
			Platform: "cf", Service: b.service.ID, Plan: b.service.Plans[0].ID, State: provision.Deleted,
		}
		begin := months[0].Add(time.Duration(n) * 1001 * time.Second)
		for k, state := range []provision.State{provision.Active, provision.Deprovisioning, provision.Active, provision.Deleted} {
			i.History = append(i.History, provision.Event{Seq: k + 1, At: begin.AddDate(0, 0, 25*k), State: state, Plan: i.Plan})
		}
		require.NoError(t, provision.Documents(s).Create(t.Context(), string(i.ID), i))
	}
	require.NoError(t, s.Close())
	return b
}

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
	for n, s := range statements {
		require.Equal(b.t, n+1, s.Number)
		all.lines = append(all.lines, b.linesOf(ctx, s.Number)...)
	}
	usage, err := b.admin().Usage(ctx, api.BillFilter{})
	require.NoError(b.t, err)
	for _, u := range usage {
		all.usage = append(all.usage, fmt.Sprint(u.Instance, " ", u.Window.Start, " ", u.Seconds))
	}
	bills, err := b.admin().Bills(ctx, api.BillFilter{})
	require.NoError(b.t, err)
	for _, r := range bills {
		all.bills = append(all.bills, fmt.Sprint(r.Instance, " ", r.Start, " ", r.Amount))
	}
	slices.Sort(all.usage)
	slices.Sort(all.bills)
	slices.Sort(all.lines)
	return all
}

func (b *billing) linesOf(ctx context.Context, number int) (lines []string) {
	b.t.Helper()
	s, err := b.admin().Statement(ctx, number)
	require.NoError(b.t, err)
	for _, l := range s.Lines {
		lines = append(lines, fmt.Sprint(l.Tenant, " ", l.Instance, " ", l.Period.Start, " ", l.Quantity, " ", l.Amount, " ", l.Corrects))
	}
	return lines
}
