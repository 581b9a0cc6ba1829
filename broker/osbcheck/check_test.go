package osbcheck_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
)

// The brokers that the suite is tried on.
var variants = map[string]variant{
	"asynchronous": {async: true, bindable: true, bindSync: true, retrievable: true},
	"synchronous":  {sync: true, bindable: true, bindSync: true, retrievable: true, updateable: true},
	"everything":   {async: true, bindable: true, bindAsync: true, retrievable: true, updateable: true, contextUpdates: true, maintained: true, rotatable: true},
	"either":       {async: true, sync: true, bindable: true, bindSync: true, bindAsync: true, retrievable: true, updateable: true, rotatable: true},
	"no bindings":  {async: true},
	"applications": {sync: true, bindable: true, bindSync: true, needsApp: true},
}

func options(url string) osbcheck.Options {
	return osbcheck.Options{
		URL: url, Username: user, Password: password, PollEvery: time.Millisecond, PollLimit: 30 * time.Second,
		Provoke: map[string]json.RawMessage{
			osbcheck.ProvisionFails: json.RawMessage(`{"fail":"provision"}`), osbcheck.ProvisionRefused: json.RawMessage(`{"fail":"quota"}`),
			osbcheck.UpdateFails: json.RawMessage(`{"fail":"update"}`), osbcheck.UpdateRefused: json.RawMessage(`{"fail":"forbidden"}`),
			osbcheck.DeprovisionFails: json.RawMessage(`{"fail":"deprovision"}`),
		},
	}
}

// TestABrokerThatKeepsToTheStandardPasses: in every variant, and each row in one.
func TestABrokerThatKeepsToTheStandardPasses(t *testing.T) {
	t.Parallel()
	passed := map[string]bool{}
	for name, v := range variants {
		url, b := start(t, v, defect{})
		o := options(url)
		o.Strict = true
		report, err := osbcheck.Run(t.Context(), o)
		require.NoError(t, err)
		require.Empty(t, report.Leftover)
		require.Empty(t, b.left(), name)
		for _, r := range report.Results {
			passed[r.ID] = passed[r.ID] || r.Verdict == osbcheck.Passed
			findings, _ := json.MarshalIndent(r.Findings, "", "  ")
			require.Contains(t, []osbcheck.Verdict{osbcheck.Passed, osbcheck.Skipped}, r.Verdict, "%s, %s: %s %s", name, r.ID, r.Reason, findings)
		}
	}
	for _, r := range osbcheck.Rows() {
		require.True(t, passed[r.ID], "row %s was skipped everywhere", r.ID)
	}
}

// TestEveryRowCanFail: a broker with one defect fails the row that is about it.
func TestEveryRowCanFail(t *testing.T) {
	t.Parallel()
	known := defects()
	for _, row := range osbcheck.Rows() {
		t.Run(row.ID, func(t *testing.T) {
			t.Parallel()
			d, ok := known[row.ID]
			require.True(t, ok, "no broken broker shows that this row can fail")
			url, _ := start(t, variants[d.in], d)
			o := options(url)
			o.Only = []string{row.ID}
			report, err := osbcheck.Run(t.Context(), o)
			require.NoError(t, err)
			require.Len(t, report.Results, 1)
			want := osbcheck.Failed
			if row.Strength != osbcheck.Must || d.mild {
				want = osbcheck.Warned
			}
			r := report.Results[0]
			require.Equal(t, want, r.Verdict, "%s: %s", row.Title, r.Reason)
			require.NotEmpty(t, r.Findings)
			require.NotEmpty(t, r.Findings[0].Wanted)
		})
	}
	for id := range known {
		require.Contains(t, ids(), id, "a defect for a row that there is not")
	}
}

func ids() (list []string) {
	for _, r := range osbcheck.Rows() {
		list = append(list, r.ID)
	}
	return list
}
