package openstack

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
)

// A real OpenStack that the other tests pass on lacks nothing, and an account of one
// project there is told to be one.
func TestALabIsExamined(t *testing.T) {
	onLab(t)
	o := labOptions(os.Getenv(labCloud))
	o.Scope = "exam"
	rows := map[string]cloud.Finding{}
	for _, f := range Examine(t.Context(), o, true) {
		require.NotEqual(t, cloud.Missing, f.Verdict, "%+v", f)
		rows[f.Need] = f
		t.Logf("%-8s %s: %s", f.Verdict, f.Need, f.Found)
	}
	for _, need := range []string{"object store service", "act in tenants' networks", "extension segment", "API " + computeVersion, "a zone with hosts", "a volume type",
		"images of packages' disk formats", "a flavor for each plan", "a way to move a gateway's port"} {
		require.Equal(t, cloud.Met, rows[need].Verdict, "%s: %+v", need, rows[need])
	}
}
