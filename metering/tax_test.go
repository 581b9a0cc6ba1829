package metering_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func tax(name, percent, from string) rating.Tax {
	t := rating.Tax{Name: name, Percent: decimal.RequireFromString(percent)}
	if from != "" {
		t.From = at(from)
	}
	return t
}

func TestTaxesAreLinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, &fleet{list: ended()}, listPrices, daily)
		for _, x := range []rating.Tax{tax("VAT", "19", ""), tax("VAT", "7", "2000-01-15T00:00:00Z"), tax("levy", "0.5", "")} {
			_, err := m.SetTax(t.Context(), x)
			require.NoError(t, err)
		}
		time.Sleep(february)
		closeOnly(t, m)
		told := preview(t, m)
		require.Equal(t, 2, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		requireSameJSON(t, first.Totals, told.Forecast)
		_, err = m.Refund(t.Context(), 1, first.Lines[0].ID, credit("r", ""))
		require.NoError(t, err)
		_, err = m.Grant(t.Context(), credit("g", "10"))
		require.NoError(t, err)
		_, err = m.Refund(t.Context(), 1, first.Lines[1].ID, credit("t", ""))
		require.ErrorIs(t, err, fault.Invalid, "taxes are refunded with what they are on")
		time.Sleep(month)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  i l instance usage: 2678400 = 148.8",
			"    VAT tax: 148.8 = 28.27", // 28.272
			"    levy tax: 148.8 = 0.74", // 0.744
			"  total 177.81 EUR",
			"2  01-01T00..02-01T00to maker",
			"   l instance usage: 2678400 = 49.6",
			"  total 49.6 EUR",
			"3 tenant-a 02-01T00..03-01T00",
			"  i l instance usage: 0 = -148.8",
			"     credit: 0 = -10",
			"    VAT tax: -148.8 = -28.27", // as it was billed in January
			"    VAT tax: -10 = -0.7",      // of February
			"    levy tax: -158.8 = -0.79", // 0.794
			"  total -188.56 EUR",
			"4  02-01T00..03-01T00to maker",
			"   l instance usage: 0 = -49.6",
			"  total -49.6 EUR",
		}, statements(t, m))
		requireSound(t, m, 4)
		settled, err := m.Settle(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Equal(t, []string{"", "-10.75", "0", "-10", "-0.75"}, append(words(settled[0]), settled[0].Taxes.String()))

		e, err := m.Explain(t.Context(), 1, first.Lines[1].ID)
		require.NoError(t, err)
		require.NotNil(t, e.Tax)
		for n := range 2 {
			issued, err := m.Statement(t.Context(), 1+2*n)
			require.NoError(t, err)
			var b bytes.Buffer
			require.NoError(t, focus.Write(&b, metering.Seller{}.LineCharges(issued.Lines, issued.Period)))
			require.Contains(t, b.String(), ",Tax,,")
			_, findings, err := focus.Check(&b)
			require.NoError(t, err)
			require.Empty(t, findings)
		}
	})
}

// A late correction is taxed by the rate of its period, and is no reason to correct taxes.
func TestTaxesAreNotCorrected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		for _, x := range []rating.Tax{tax("VAT", "20", ""), tax("VAT", "10", "2000-02-01T00:00:00Z")} {
			_, err := m.SetTax(t.Context(), x)
			require.NoError(t, err)
		}
		time.Sleep(february)
		_, err := m.Report(t.Context(), "i", events("a requests 150 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 1, issueAll(t, m))
		_, err = m.Report(t.Context(), "i", events("b requests 10 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, []string{
			"    VAT tax: 125 = 25",
			"  total 150 EUR",
			"2 tenant-a 02-01T00..03-01T00",
			"  i s requests correction of usage 2: 10 = 5",
			"    VAT tax: 5 = 1",
			"  total 6 EUR",
		}, statements(t, m)[4:])
	})
}

func TestATenantsTaxGoesBeforeThatOfAll(t *testing.T) {
	t.Parallel()
	own := tax("VAT", "0", "2000-02-01T00:00:00Z")
	own.Tenant = "charity"
	list := []rating.Tax{own, tax("VAT", "21", "2000-03-01T00:00:00Z"), tax("VAT", "19", "2000-01-01T00:00:00Z"), tax("levy", "1", "2000-01-01T00:00:00Z")}
	for _, c := range []struct {
		tenant topology.TenantID
		month  string
		want   []string
	}{
		{"acme", "1999-12-01T00:00:00Z", nil},
		{"acme", "2000-02-01T00:00:00Z", []string{"VAT 19", "levy 1"}},
		{"acme", "2000-03-01T00:00:00Z", []string{"VAT 21", "levy 1"}},
		{"charity", "2000-01-01T00:00:00Z", []string{"VAT 19", "levy 1"}},
		{"charity", "2000-03-01T00:00:00Z", []string{"levy 1"}},
	} {
		var got []string
		for _, x := range rating.TaxesFor(list, c.tenant, rating.Month(at(c.month), time.UTC)) {
			got = append(got, fmt.Sprint(x.Name, " ", x.Percent))
		}
		require.Equal(t, c.want, got, "%s %s", c.tenant, c.month)
	}
}

func TestUnsoundTaxesAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: ended()}, listPrices, daily)
		operators := tax("VAT", "1", "")
		operators.Tenant = provision.OperatorAccount
		for name, x := range map[string]rating.Tax{
			"no name": tax("", "1", ""), "negative": tax("VAT", "-1", ""), "more than all": tax("VAT", "100.1", ""), "too fine": tax("VAT", "1.00001", ""), "the operator's": operators,
		} {
			_, err := m.SetTax(t.Context(), x)
			require.ErrorIs(t, err, fault.Invalid, name)
		}
		time.Sleep(february)
		_, err := m.SetTax(t.Context(), tax("VAT", "1", "2000-01-01T00:00:00Z"))
		require.ErrorIs(t, err, fault.Conflict)
	})
}
