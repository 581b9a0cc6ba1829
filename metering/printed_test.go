package metering_test

import (
	"bytes"
	"encoding/csv"
	"html"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

const hostile = `<script>alert("x")</script>`

// A page to be printed has what the CSV form has, is the same for ever, and whatever tenants
// write is text in it.
var hashes = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

func TestAStatementIsPrinted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, &fleet{list: []provision.Instance{unwell(hostile, provision.HealthFailing, 10*time.Hour), upgraded}}, listPrices, daily)
		_, err := m.SetPromise(t.Context(), promise("l"))
		require.NoError(t, err)
		_, err = m.SetTax(t.Context(), tax("VAT", "19", ""))
		require.NoError(t, err)
		sorry := credit("c", "1.5")
		sorry.Reason = hostile
		_, err = m.Grant(t.Context(), sorry)
		require.NoError(t, err)
		time.Sleep(february)
		require.Equal(t, 2, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		_, err = m.Refund(t.Context(), 1, first.Lines[1].ID, credit("none", ""))
		require.Error(t, err, "what is negative")
		refunded := first.Lines[2].ID
		_, err = m.Refund(t.Context(), 1, refunded, credit("r", ""))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 2, issueAll(t, m))
		seller := metering.Seller{Issuer: `A & B "Networks"`, Services: map[catalog.ServiceID]catalog.Service{"service-1": {ID: "service-1", Name: "firewall", DisplayName: "Fire<wall>"}}}
		for n, name := range []string{"printed-tenant.html", "printed-vendor.html", "printed-refund.html"} {
			s, err := m.Statement(t.Context(), n+1)
			require.NoError(t, err)
			var page, table bytes.Buffer
			require.NoError(t, seller.WriteStatement(&page, s))
			require.NotContains(t, page.String(), "<script")
			require.NotRegexp(t, regexp.MustCompile(`(?i)https?:|src=|url\(|@import|<link`), page.String(), "nothing from elsewhere")
			require.NoError(t, s.WriteLines(&table))
			rows, err := csv.NewReader(&table).ReadAll()
			require.NoError(t, err)
			text := html.UnescapeString(page.String())
			require.Len(t, rows, len(s.Lines)+1)
			for _, row := range rows[1:] {
				for _, column := range []int{3, 4, 5, 18, 19, 21, 22, 23} { // ids, currency, amount, share, reason
					require.Contains(t, text, row[column])
				}
			}
			golden(t, name, hashes.ReplaceAllString(page.String(), "a hash")) // of reasons under a salt, among else
		}
	})
}
