package provision

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsOldNamesNobody(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	made := func() Instance {
		i := Instance{
			ID: "i1", Name: "Alice's firewall", Tenant: "acme", Platform: "cf", State: Deleted, Context: json.RawMessage(`{"organization_name":"Alice Ltd"}`),
			EULAs: []Acceptance{{Digest: "d", By: "tenant/alice", For: "cloudfoundry/alice", At: day(1)}},
			History: []Event{
				{Seq: 1, At: day(1), State: Provisioning, By: "cf", For: "cloudfoundry/alice", Request: "r1"},
				{Seq: 2, At: day(2), State: Active, By: "operator/bob", Reason: "Alice has not paid"},
				{Seq: 3, At: day(5), State: Deleted, By: "tenant/alice"},
			},
			Bindings: map[BindingID]*Binding{"b1": {ID: "b1", State: Deleted, Parameters: json.RawMessage(`{"contact":"alice"}`)}},
		}
		return i
	}
	text := func(i Instance) string {
		b, err := json.Marshal(i)
		require.NoError(t, err)
		return string(b)
	}

	i := made()
	require.False(t, i.Forget(day(1)))
	require.Equal(t, text(made()), text(i), "nothing is that old")

	i = made()
	require.True(t, i.Forget(day(3)))
	require.Equal(t, []string{"cf", "operator", "tenant/alice"}, []string{i.History[0].By, i.History[1].By, i.History[2].By})
	require.Equal(t, Acceptance{Digest: "d", By: "tenant", At: day(1)}, i.EULAs[0])
	require.Equal(t, "Alice's firewall", i.Name, "it was deleted later")

	i = made()
	require.True(t, i.Forget(day(6)))
	require.NotRegexp(t, `(?i)alice|bob`, text(i))
	require.Equal(t, "i1", i.Name)
	require.EqualValues(t, "acme", i.Tenant)
	require.Equal(t, "r1", i.History[0].Request)
	require.False(t, i.Forget(day(6)), "twice finds nothing")

	i = made()
	i.State, i.History[2].State = Active, Active
	require.True(t, i.Forget(day(6)))
	require.Equal(t, "Alice's firewall", i.Name, "as long as there is one, it has its name")
	require.NotEmpty(t, i.Context)
	require.Equal(t, "tenant", i.History[2].By)
}
