package metering_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// share is an agreement with the vendor of all services.
func share(numerator, denominator int, from string) metering.Agreement {
	a := metering.Agreement{Vendor: "maker", Share: metering.Fraction{Numerator: numerator, Denominator: denominator}}
	if from != "" {
		a.From = at(from)
	}
	return a
}

var third = rating.Agreement{Vendor: "maker", From: at("2000-01-01T00:00:00Z"), Shares: []rating.Share{
	{Party: "maker", Weight: decimal.New(1, 0)}, {Party: rating.Operator, Weight: decimal.New(2, 0)},
}}

// agreed has an agreement in a store, whatever the time.
func agreed(t require.TestingT, s *store.Store, a rating.Agreement) {
	require.NoError(t, store.In[rating.Agreement](s, "agreements", nil).Create(context.Background(), "one", a))
}

// requireAllShared says that what tenants were billed is what vendors get and the operator
// keeps, line by line, and answers what the vendor gets.
func requireAllShared(t *testing.T, m *metering.Meter, a rating.Agreement) (vendors string) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{})
	require.NoError(t, err)
	billed, shared, kept := decimal.Zero, decimal.Zero, decimal.Zero
	for _, s := range all {
		s, err := m.Statement(t.Context(), s.Number)
		require.NoError(t, err)
		for _, l := range s.Lines {
			if s.Vendor != "" {
				shared = shared.Add(l.Amount)
				continue
			}
			billed = billed.Add(l.Amount)
			rest, err := l.SharedWith(rating.Operator, a)
			require.NoError(t, err)
			kept = kept.Add(rest.Amount)
		}
	}
	require.Equal(t, billed.String(), shared.Add(kept).String())
	settled, err := m.Settle(t.Context(), metering.Filter{})
	require.NoError(t, err)
	require.Len(t, settled, 1)
	require.Equal(t, []string{"maker", billed.String(), shared.String(), kept.String()},
		[]string{settled[0].Vendor, settled[0].Billed.String(), settled[0].Shared.String(), settled[0].Kept.String()})
	return shared.String()
}

func TestAVendorGetsItsShareOfEveryLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s0 := storetest.New(t)
		m := newMeter(t, s0, &fleet{list: sample()}, listPrices, daily)
		set, err := m.SetAgreement(t.Context(), share(1, 3, ""))
		require.NoError(t, err)
		require.Equal(t, at("2000-01-01T00:00:00Z"), set.From, "with the period in hand")
		time.Sleep(february)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, append(january,
			"2  01-01T00..02-01T00to maker",
			"   l instance usage: 4200 = 0.08",     // 0.23 / 3 = 0.0766…: 0.07, and the cent left to the larger remainder
			"   s instance usage: 5400 = 0.06",     // 0.18 / 3
			"   s instance usage: 3000 = 0.03",     // 0.10 / 3 = 0.0333…; the operator's 0.0666… is rounded up
			"   s instance usage: 2672100 = 59.38", // 178.14 / 3
			"  total 59.55 EUR",
		), statements(t, m))
		require.Equal(t, "59.55", requireAllShared(t, m, third))
		requireSound(t, m, 2)

		s, err := m.Statement(t.Context(), 2)
		require.NoError(t, err)
		text, err := json.Marshal(s)
		require.NoError(t, err)
		for _, secret := range []string{"tenant-a", "one", "upgraded", "cf"} {
			require.NotContains(t, string(text), `"`+secret+`"`, "a vendor does not see to whom it sells")
		}
		e, err := m.Explain(t.Context(), 2, s.Lines[0].ID)
		require.NoError(t, err)
		require.Equal(t, "0.23", e.Line.Share.Of.String())
		require.Equal(t, set, *e.Agreement)
		require.Empty(t, e.Usage)
		for a, err := range store.In[rating.Agreement](s0, "agreements", nil).All(t.Context(), "", "") {
			require.NoError(t, err)
			a.Shares[0].Weight = decimal.New(2, 0)
			require.NoError(t, store.In[rating.Agreement](s0, "agreements", nil).Create(t.Context(), "other", a))
		}
		e, err = m.Explain(t.Context(), 2, s.Lines[0].ID)
		require.NoError(t, err)
		require.Equal(t, set, *e.Agreement, "by which it was shared, whatever there is now")
	})
}

// What is corrected is shared so that line and corrections together are shared as the
// line that would have been right at once.
func TestSharesOfCorrectionsAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		time.Sleep(february)
		report := func(text ...string) {
			_, err := m.Report(t.Context(), "i", events(text...))
			require.NoError(t, err)
		}
		report("a requests 80 2000-01-05T00:00:00Z")
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, "40", requireAllShared(t, m, third), "a third of the minimum of 120: 26.67 and 13.33")
		report("b requests 50 2000-01-20T00:00:00Z")
		time.Sleep(29 * 24 * time.Hour)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, "40", requireAllShared(t, m, third), "100 and 15, and the minimum is 5 more")
		report("c requests 30 2000-01-05T00:00:00Z")
		time.Sleep(31 * 24 * time.Hour)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, "43.33", requireAllShared(t, m, third), "100 and 30: 33.33 and 10")
		requireSound(t, m, 6)
	})
}

func TestAnAgreementIsInForceFromABillingPeriodOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{instance("i", "2000-01-01T00:00:00Z active l")}}, listPrices, daily)
		_, err := m.SetAgreement(t.Context(), share(1, 2, "2000-02-10T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(95 * 24 * time.Hour)
		require.Equal(t, 4, issueAll(t, m), "of three months, and the third is the first that begins after the agreement")
		all, err := m.Statements(t.Context(), metering.Filter{Vendor: "maker"})
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, at("2000-03-01T00:00:00Z"), all[0].Period.Start)
		tenants, err := m.Statements(t.Context(), metering.Filter{Tenant: "tenant-a"})
		require.NoError(t, err)
		require.Len(t, tenants, 3)

		_, err = m.SetAgreement(t.Context(), share(1, 3, "2000-03-01T00:00:00Z"))
		require.ErrorIs(t, err, fault.Conflict, "of what is issued")
		require.ErrorContains(t, err, "before 2000-04-01T00:00:00Z")
		next, err := m.SetAgreement(t.Context(), share(1, 3, ""))
		require.NoError(t, err)
		require.Equal(t, at("2000-04-01T00:00:00Z"), next.From)
		again, err := m.SetAgreement(t.Context(), share(1, 4, "2000-04-01T00:00:00Z"))
		require.NoError(t, err)
		known, err := m.Agreements(t.Context())
		require.NoError(t, err)
		require.Len(t, known, 2)
		require.Equal(t, again, known[1], "replaced, as nothing is issued by it")
	})
}

// Statements that are due and not issued yet are as good as issued.
func TestAnAgreementDoesNotAlterWhatIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, daily)
		time.Sleep(february)
		_, err := m.SetAgreement(t.Context(), share(1, 3, "2000-01-01T00:00:00Z"))
		require.ErrorIs(t, err, fault.Conflict)
	})
}

func TestUnsoundAgreementsAreRefused(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]metering.Agreement{
		"more than all":  share(4, 3, ""),
		"less than none": share(-1, 3, ""),
		"of nothing":     share(0, 0, ""),
		"too fine":       share(1, 2_000_002, ""),
		"no vendor":      {Share: metering.Fraction{Numerator: 1, Denominator: 3}},
		"the operator":   {Vendor: rating.Operator, Share: metering.Fraction{Numerator: 1, Denominator: 3}},
		"another's":      {Vendor: "other", Service: "service-1", Share: metering.Fraction{Numerator: 1, Denominator: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newMeter(t, storetest.New(t), &fleet{}, listPrices, daily).SetAgreement(t.Context(), a)
			require.ErrorIs(t, err, fault.Invalid)
		})
	}
}
