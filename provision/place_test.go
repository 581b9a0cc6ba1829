package provision

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A lane tells its tenant and region again, whatever the tenant is called, and is the
// tenant's name in the first region, as in stores from before there were regions.
func TestLanesTellTheirPlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[^@\x00-\x1f][ -~]{0,20}`).Draw(t, "tenant")
		p := Place{topology.TenantID(name), rapid.StringMatching(`|[A-Za-z0-9][A-Za-z0-9._-]{0,8}`).Draw(t, "region")}
		require.Equal(t, p, PlaceOf(p.lane()))
		require.Equal(t, p.Region == "", p.key() == name)
	})
}
