package ovf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile is one kind of hostile package and the verdict that it must get.
type hostile struct {
	name  string // its letter and number, and the case in a few words
	check func(t *testing.T)
}

// adversarial runs all cases of a letter. Their numbers have no gap and end at
// count, so that none gets lost.
func adversarial(t *testing.T, letter string, count int, cases ...hostile) {
	t.Helper()
	require.Len(t, cases, count, "cases of %s", letter)
	for i, c := range cases {
		require.True(t, strings.HasPrefix(c.name, fmt.Sprintf("%s%02d ", letter, i+1)), "%q is out of order", c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}
