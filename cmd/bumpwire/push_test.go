package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestABrokenUploadSaysWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	gone := fault.New(fault.Unavailable, "cannot reach the broker at http://x: connection reset by peer")
	for name, c := range map[string]struct {
		err        error
		sent, size int64
		want       []string
	}{
		"refused":      {fault.New(fault.Invalid, "wrong"), 10, 100, nil},
		"never begun":  {gone, 0, 100, nil},
		"in its midst": {gone, 3 << 20, 1 << 30, []string{"3 MiB of 1 GiB were sent; nothing of them is kept: push again"}},
		"unanswered":   {gone, 100, 100, []string{"all of it was sent, and the answer is missing: push again, which does no harm if it was kept"}},
	} {
		err := brokenOff(c.err, c.sent, c.size)
		require.ErrorIs(t, err, c.err, name)
		var f *fault.Error
		if errors.As(err, &f) {
			require.Equal(t, c.want, f.Details, name)
		}
		if c.want != nil {
			require.Equal(t, 5, fault.Exit(err), name)
		}
	}
}
