package sqlitestore

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
)

// Writes that nobody waits for share a transaction with those of others a few at a
// time, and have one to themselves when nobody else writes.
func TestPatientWritesLetOthersGoFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDriver("")
		for range 10 {
			go func() { d.writes <- &write{} }()
		}
		for range 20 {
			go func() { d.patient <- &write{} }()
		}
		synctest.Wait() // all of them wait
		require.Len(t, d.gather(<-d.writes, true), 10+2)
		require.Len(t, d.gather(<-d.patient, false), 20-2)
	})
}

func TestAPatientContextIsMarked(t *testing.T) {
	t.Parallel()
	require.True(t, store.IsPatient(store.Patient(t.Context())))
	require.False(t, store.IsPatient(t.Context()))
}
