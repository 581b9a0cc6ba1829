package broker_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
)

// conform runs the conformance suite against the world's broker: one sub-test for
// each row, named by its id. It gives the rows that were skipped.
func (w *world) conform(t *testing.T, o osbcheck.Options) map[string]string {
	w.run()
	o.URL, o.Username, o.Password = w.server.URL, platformName, password
	o.PollEvery, o.Workers = 5*time.Millisecond, 8
	for n := range 8 {
		o.Organizations = append(o.Organizations, fmt.Sprintf("org-%d", n+10))
		w.networks(o.Organizations[n])
	}
	report, err := osbcheck.Run(t.Context(), o)
	require.NoError(t, err)
	skipped := map[string]string{}
	for _, r := range report.Results {
		t.Run(r.ID, func(t *testing.T) {
			findings, err := json.MarshalIndent(r.Findings, "", "  ")
			require.NoError(t, err)
			if r.Verdict == osbcheck.Skipped {
				skipped[r.ID] = r.Reason
				return
			}
			require.Equal(t, osbcheck.Passed, r.Verdict, "%s (%s): %s %s", r.Title, r.Section, r.Reason, findings)
		})
	}
	require.Empty(t, report.Leftover)
	return skipped
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("bindings done in the request", func(t *testing.T) {
		t.Parallel()
		w := newWorldOver(t, 200*time.Millisecond)
		w.conform(t, osbcheck.Options{Parameters: json.RawMessage(`{"networks":["lan"]}`)})
	})
	t.Run("bindings that stitch", func(t *testing.T) {
		t.Parallel()
		w := newWorldOver(t, 200*time.Millisecond)
		w.conform(t, osbcheck.Options{
			Parameters:     json.RawMessage(`{"networks":["lan"]}`),
			BindParameters: json.RawMessage(`{"network":"dmz"}`),
		})
	})
}
