package openstack

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestMarksAreReadBack(t *testing.T) {
	t.Parallel()
	d := &Driver{scope: "test"}
	for _, size := range []int{0, 1, 200, 2000} {
		want, err := newMark(kindNetwork, "tenant/ä", "seg "+strings.Repeat("x", size), topology.Network{ID: "seg", Carries: []topology.NetworkID{"V"}})
		require.NoError(t, err)
		tags, err := d.tags(strings.Repeat("p", 64), want)
		require.NoError(t, err)
		for _, tag := range tags {
			require.LessOrEqual(t, len(tag), 255)
			require.NotContains(t, tag, "/")
			require.NotContains(t, tag, ",")
		}
		rand.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
		got, ok := readMark(append(tags, "somebody's", "bumpwire:", "bumpwire:a:b"))
		require.True(t, ok)
		require.Equal(t, want, got)
		_, ok = readMark(append(tags, "bumpwire:99:AAAA"))
		require.False(t, ok, "what is not whole does not count")
	}
	_, ok := readMark(nil)
	require.False(t, ok)
	huge, err := newMark(kindLeg, "t", strings.Repeat("x", 10_000), nil)
	require.NoError(t, err)
	_, err = d.tags("p", huge)
	require.Error(t, err)
}
