package monitor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestFilesKeepOnlyWhatSaysAnything(t *testing.T) {
	t.Parallel()
	f := newFiles()
	of := func(n int) member { return member{topology.ApplianceID(fmt.Sprint(n)), 0} }
	well, missed := func(*file) {}, func(at *file) { at.missed++ }

	f.open(of(1), false, well)
	require.Empty(t, f.of, "nothing is to be known of it")
	f.open(of(2), true, well)
	f.open(of(3), false, missed)
	require.Len(t, f.of, 2)
	f.turn()
	f.open(of(3), false, func(at *file) { require.EqualValues(t, 1, at.missed) })
	f.open(of(3), false, func(at *file) { at.missed = 0 })
	require.Len(t, f.of, 1, "it is well again")
	f.turn()
	require.Empty(t, f.of, "nobody looked at the other any more")
}

func TestMissedProbesNeverTurnRound(t *testing.T) {
	t.Parallel()
	f := newFiles()
	for range 70_000 {
		f.open(member{"a", 0}, false, func(at *file) { at.missed++; require.NotZero(t, at.missed) })
	}
}

// TestSuspectsThatWaitAreBounded, and counted all the same.
func TestSuspectsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	var l tour
	for range 2 * held {
		l.count(round{looked: 2, suspects: 1})
	}
	require.Len(t, l.waiting, held)
	require.Equal(t, 2*held, l.suspects)
	require.Equal(t, 4*held, l.looked)
}
