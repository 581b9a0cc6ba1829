package metering

import (
	"encoding/json"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestASeriesReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var s series
		for _, w := range rapid.Permutation([]int{0, 1, 2, 3, 7, 8, 743}).Draw(r, "windows")[:rapid.IntRange(0, 7).Draw(r, "n")] {
			q := decimal.New(rapid.Int64Range(0, 1_000_000_000_000_000).Draw(r, "quantity"), int32(rapid.IntRange(-9, 3).Draw(r, "exponent")))
			s = s.with(w, q)
		}
		text, err := json.Marshal(tally{Counts: s})
		require.NoError(r, err)
		var read tally
		require.NoError(r, json.Unmarshal(text, &read))
		require.Len(r, read.Counts, len(s))
		for n, c := range s {
			require.Equal(r, c.window, read.Counts[n].window)
			require.True(r, c.quantity.Equal(read.Counts[n].quantity))
		}
	})
}

func TestASeriesIsShortWhereWindowsFollowOneAnother(t *testing.T) {
	t.Parallel()
	var s series
	for _, w := range []int{20, 1, 0, 2} {
		s = s.with(w, decimal.New(int64(10+w), 0))
	}
	text, err := s.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "0:10 11 12 20:30", string(text))
	for _, wrong := range []string{"3:1 2:1", "x:1", "0:one", "-1:5"} {
		require.Error(t, s.UnmarshalText([]byte(wrong)), wrong)
	}
}
