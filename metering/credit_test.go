package metering_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/provision"
)

const month = 29 * 24 * time.Hour // February 2000, after which the next statements are due

func credit(id, amount string) metering.Credit {
	c := metering.Credit{ID: id, Tenant: "tenant-a", Currency: "EUR", Reason: "we are sorry"}
	if amount != "" {
		c.Amount = decimal.RequireFromString(amount)
	}
	return c
}

// ended is one instance of a month, for 744 h × 0.20 = 148.80.
func ended() []provision.Instance {
	return []provision.Instance{instance("i", "2000-01-01T00:00:00Z active l", "2000-02-01T00:00:00Z deleted l")}
}

func TestCreditsAndRefundsAreOnTheNextStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, &fleet{list: ended()}, listPrices, daily)
		time.Sleep(february)
		require.Equal(t, 2, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		line := first.Lines[0].ID

		_, err = m.Refund(t.Context(), 1, line, credit("r1", "100"))
		require.NoError(t, err)
		_, err = m.Refund(t.Context(), 1, line, credit("r2", "48.81"))
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "48.8 EUR can still be refunded")
		_, err = m.Grant(t.Context(), credit("g", "5"))
		require.NoError(t, err)
		all, err := m.Credits(t.Context(), "tenant-a")
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Zero(t, all[0].On, "it waits")

		time.Sleep(month)
		told := preview(t, m)
		require.Equal(t, 2, issueAll(t, m))
		second := []string{
			"3 tenant-a 02-01T00..03-01T00",
			"  i l instance usage: 0 = -100",
			"     credit: 0 = -5",
			"  total -105 EUR",
			"4  02-01T00..03-01T00to maker",
			"   l instance usage: 0 = -33.33", // of 49.60, a third of 148.80
			"  total -33.33 EUR",
		}
		require.Equal(t, second, statements(t, m)[len(statements(t, m))-len(second):])
		issued, err := m.Statement(t.Context(), 3)
		require.NoError(t, err)
		requireSameJSON(t, issued.Lines, told.Lines)
		require.Equal(t, []string{"r1", "g"}, issued.Credits)

		rest, err := m.Refund(t.Context(), 1, line, credit("r3", ""))
		require.NoError(t, err)
		require.Equal(t, "48.8", rest.Amount.String(), "all that is left")
		time.Sleep(31 * 24 * time.Hour)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, "0", sharedWith(t, m, "maker"), "who gave all back has nothing of it left")
		requireSound(t, m, 6)
		e, err := m.Explain(t.Context(), 3, issued.Lines[1].ID)
		require.NoError(t, err)
		require.Equal(t, "we are sorry", e.Credit.Reason)
		require.Equal(t, 3, e.Credit.On)
		time.Sleep(31 * 24 * time.Hour)
		require.Zero(t, issueAll(t, m), "each is on one statement only")

		settled, err := m.Settle(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Equal(t, []string{"", "-5", "0", "-5"}, words(settled[0]), "what is granted is the operator's alone")
		require.Equal(t, []string{"maker", "0", "0", "0"}, words(settled[1]))

		var b bytes.Buffer
		require.NoError(t, focus.Write(&b, metering.Seller{}.LineCharges(issued.Lines, issued.Period)))
		_, findings, err := focus.Check(&b)
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

func words(s metering.Settlement) []string {
	return []string{s.Vendor, s.Billed.String(), s.Shared.String(), s.Kept.String()}
}

// sharedWith is the sum of a vendor's statements.
func sharedWith(t *testing.T, m *metering.Meter, vendor string) string {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{Vendor: vendor})
	require.NoError(t, err)
	sum := decimal.Zero
	for _, s := range all {
		for _, total := range s.Totals {
			sum = sum.Add(total.Amount)
		}
	}
	return sum.String()
}

// What was refunded is not billed once more because usage came late.
func TestARefundIsNoCorrection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		time.Sleep(february)
		_, err := m.Report(t.Context(), "i", events("a requests 150 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 1, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, "25", first.Lines[2].Amount.String(), "50 in the second tier")
		_, err = m.Refund(t.Context(), 1, first.Lines[2].ID, credit("r", "25"))
		require.NoError(t, err)
		_, err = m.Report(t.Context(), "i", events("b requests 10 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 1, issueAll(t, m))
		_, err = m.Report(t.Context(), "i", events("c requests 2 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(31 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, []string{
			"2 tenant-a 02-01T00..03-01T00",
			"  i s requests usage 2: 0 = -25",
			"  i s requests correction of usage 2: 10 = 5",
			"  total -20 EUR",
			"3 tenant-a 03-01T00..04-01T00",
			"  i s requests correction of usage 2: 2 = 1",
			"  total 1 EUR",
		}, statements(t, m)[5:])
		requireSound(t, m, 3)
	})
}

// A minimum of 120 is 40 above 80 requests, and is given back whole; with 50 requests more it comes to 5, and of the 40 only
// these stay given back. So the tenant has paid for 130 requests what they cost, less what its refund is worth now.
func TestARefundIsNoMoreThanWhatACorrectionLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		report := func(text string) {
			_, err := m.Report(t.Context(), "i", events(text))
			require.NoError(t, err)
		}
		time.Sleep(february)
		report("a requests 80 2000-01-05T00:00:00Z")
		require.Equal(t, 2, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		minimum := first.Lines[2]
		require.Equal(t, "40", minimum.Amount.String())
		_, err = m.Refund(t.Context(), 1, minimum.ID, credit("r", ""))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 2, issueAll(t, m))

		report("b requests 50 2000-01-20T00:00:00Z")
		time.Sleep(31*24*time.Hour - 2*time.Minute)
		require.Zero(t, issueAll(t, m), "the day for what is late is not over")
		told := preview(t, m)
		time.Sleep(2 * time.Minute)
		require.Equal(t, 2, issueAll(t, m))
		last := statements(t, m)
		require.Equal(t, []string{
			"5 tenant-a 03-01T00..04-01T00",
			"  i s requests correction of minimum: 0 = 35",
			"  i s requests correction of usage 1: 20 = 20",
			"  i s requests correction of usage 2: 30 = 15",
			"  i s requests correction of minimum: 0 = -35",
			"  total 35 EUR",
		}, last[len(last)-12:len(last)-6])
		issued, err := m.Statement(t.Context(), 5)
		require.NoError(t, err)
		requireSameJSON(t, issued.Lines, told.Lines)
		require.Equal(t, minimum.ID, issued.Lines[0].Refunds)
		require.Empty(t, issued.Credits, "it is a credit of an earlier statement")
		e, err := m.Explain(t.Context(), 5, issued.Lines[0].ID)
		require.NoError(t, err)
		require.Equal(t, "r", e.Credit.ID)
		_, err = m.Refund(t.Context(), 1, minimum.ID, credit("r2", ""))
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "0 EUR can still be refunded")
		require.Equal(t, "38.33", sharedWith(t, m, "maker"), "a third of 100, and of 15; of the minimum, given back, nothing")
		requireSound(t, m, 6)

		var b bytes.Buffer
		require.NoError(t, focus.Write(&b, metering.Seller{}.LineCharges(issued.Lines, issued.Period)))
		_, findings, err := focus.Check(&b)
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

// What is corrected on the statement that a refund would be on lowers the refund at once.
func TestARefundThatWaitsIsNoMoreThanWhatACorrectionLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		time.Sleep(february)
		_, err := m.Report(t.Context(), "i", events("a requests 80 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 1, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		for _, part := range []string{"3", "37"} {
			_, err = m.Refund(t.Context(), 1, first.Lines[2].ID, credit("r"+part, part))
			require.NoError(t, err)
		}
		_, err = m.Report(t.Context(), "i", events("b requests 54 2000-01-20T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 1, issueAll(t, m))
		second, err := m.Statement(t.Context(), 2)
		require.NoError(t, err)
		require.Equal(t, []string{"r3"}, second.Credits, "of the minimum 3 are left; the other refund waits until the line comes to more")
		require.Equal(t, "-3", second.Lines[0].Amount.String())
		require.Equal(t, "-3", second.Totals[0].Amount.String(), "for 134 requests 117 and the minimum's 3, of which 120 are paid and these 3 given back")
		requireSound(t, m, 2)
	})
}

func TestACreditIsGrantedOnce(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, listPrices, daily)
	first, err := m.Grant(t.Context(), credit("c", "5"))
	require.NoError(t, err)
	again, err := m.Grant(t.Context(), credit("c", "5.00"))
	require.NoError(t, err)
	requireSameJSON(t, first, again)
	_, err = m.Grant(t.Context(), credit("c", "6"))
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "of 5 EUR")
	all, err := m.Credits(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 1)
}

func TestUnsoundCreditsAreRefused(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, listPrices, daily)
	for name, alter := range map[string]func(*metering.Credit){
		"no id":           func(c *metering.Credit) { c.ID = "" },
		"no tenant":       func(c *metering.Credit) { c.Tenant = "" },
		"no reason":       func(c *metering.Credit) { c.Reason = "" },
		"no currency":     func(c *metering.Credit) { c.Currency = "EURO" },
		"nothing":         func(c *metering.Credit) { c.Amount = decimal.Zero },
		"negative":        func(c *metering.Credit) { c.Amount = decimal.New(-1, 0) },
		"half a cent":     func(c *metering.Credit) { c.Amount = decimal.New(5, -3) },
		"a tenth of yen":  func(c *metering.Credit) { c.Currency, c.Amount = "JPY", decimal.New(1, -1) },
		"more than a lot": func(c *metering.Credit) { c.Amount = decimal.New(1, 13) },
	} {
		c := credit("c", "5")
		alter(&c)
		_, err := m.Grant(t.Context(), c)
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	_, err := m.Refund(t.Context(), 1, "none", credit("c", "5"))
	require.ErrorIs(t, err, fault.NotFound)
}
