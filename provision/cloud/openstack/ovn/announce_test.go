package ovn

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const speaker = "fa:16:3e:00:00:01"

// A switch speaks for a gateway for a while, and is then as it was, whatever was set
// there; if it was cut off, the next one puts that right.
func TestASwitchSpeaksForAGatewayAndIsAsItWas(t *testing.T) {
	t.Parallel()
	for name, had := range map[string][]string{
		"nothing":    nil,
		"as Neutron": {"mcast_flood_unregistered", "false", "mcast_snoop", "false", "vlan-passthru", "false"},
		"snooping":   {"mcast_snoop", "true", "mcast_query_interval", "125"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Configure("g", had...)
			before := w.All()
			old, err := w.n.speak(t.Context(), "g", speaker)
			require.NoError(t, err)
			speaks := w.Configured("g")
			for k, v := range querying(speaker) {
				require.Equal(t, v, speaks[k])
			}
			for n := 0; n < len(had); n += 2 {
				if _, set := querying("")[had[n]]; !set {
					require.Equal(t, had[n+1], speaks[had[n]], "of no matter to it")
				}
			}
			again, err := w.n.speak(t.Context(), "g", "fa:16:3e:00:00:02")
			require.NoError(t, err)
			require.Equal(t, old, again, "what was there before the one that was cut off")
			require.Equal(t, "fa:16:3e:00:00:02", w.Configured("g")["mcast_eth_src"])
			require.NoError(t, w.n.Announce(t.Context(), "g", speaker, time.Millisecond))
			require.Equal(t, before, w.All())
		})
	}
}

func TestASwitchWithAQuerierIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Configure("g", "mcast_querier", "true", "mcast_eth_src", "02:00:00:00:00:01")
	before, changes := w.All(), w.Changes()
	require.NoError(t, w.n.Announce(t.Context(), "g", speaker, time.Hour))
	require.Equal(t, before, w.All())
	require.Equal(t, changes, w.Changes())
}

func TestNobodySpeaksOnANetworkThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.ErrorIs(t, w.n.Announce(t.Context(), "nowhere", speaker, time.Hour), fault.Conflict)
}

// Who gives up meanwhile does not leave a network that speaks.
func TestAnAnnouncementThatIsGivenUpEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.All()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.n.Announce(ctx, "g", speaker, time.Hour) }()
	require.Eventually(t, func() bool { return w.Configured("g")["mcast_querier"] == "true" }, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, before, w.All())
}

// Nor does one whose connection ends at its change, before it has an effect or after.
func TestAnAnnouncementThatIsCutOffEnds(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{false, true} {
		w := newWorld(t)
		before := w.All()
		w.Fail(0, effect)
		require.ErrorIs(t, w.n.Announce(t.Context(), "g", speaker, time.Hour), fault.Unavailable)
		require.Equal(t, before, w.All())
	}
}
