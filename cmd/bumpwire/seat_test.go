package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestSeatsInADataFolder(t *testing.T) {
	t.Parallel()
	take := func(dir string, exclusive bool) *seat {
		s, err := sit(t.Context(), dir, exclusive)
		require.NoError(t, err)
		s.closeDoor()
		return s
	}
	refuse := func(dir string, exclusive bool) {
		_, err := sit(t.Context(), dir, exclusive)
		require.ErrorIs(t, err, fault.Conflict)
	}
	t.Run("brokers that share know who came first", func(t *testing.T) {
		dir := t.TempDir()
		first := take(dir, false)
		second := take(dir, false)
		require.True(t, first.alone)
		require.False(t, second.alone)
		first.leave()
		require.False(t, take(dir, false).alone, "the second is still there")
	})
	t.Run("nobody sits beside one that is exclusive", func(t *testing.T) {
		dir := t.TempDir()
		only := take(dir, true)
		refuse(dir, false)
		refuse(dir, true)
		only.leave()
		require.True(t, take(dir, false).alone)
		refuse(dir, true)
	})
	t.Run("one starts at a time", func(t *testing.T) {
		dir := t.TempDir()
		starting, err := sit(t.Context(), dir, false)
		require.NoError(t, err)
		seated := make(chan *seat)
		go func() {
			s, _ := sit(t.Context(), dir, false)
			seated <- s
		}()
		select {
		case <-seated:
			t.Fatal("the door was not closed")
		default:
		}
		starting.closeDoor()
		require.False(t, (<-seated).alone)
	})
}
