package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestALookDecodesABodyOnce(t *testing.T) {
	t.Parallel()
	m := memory{"things/a": {ID: "a", Revision: 1, Body: []byte(`{"level":1}`)}}
	things := In[format](New(m), "things", nil)
	first, err := things.Look(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 1, first.Level)
	again, err := things.Look(t.Context(), "a")
	require.NoError(t, err)
	require.Same(t, first, again)

	m["things/a"] = Doc{ID: "a", Revision: 1, Body: []byte(`{"level":2}`)} // removed and made anew
	other, err := things.Look(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, 2, other.Level)
	require.Equal(t, 1, first.Level)

	_, err = things.Look(t.Context(), "b")
	require.ErrorIs(t, err, fault.NotFound)
}

func TestLooksAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	var l looks[int]
	for n := range 10 * maxLooks {
		id := string(rune(n))
		l.remember(id, &look[int]{value: n})
		require.Equal(t, n, l.recall(id).value)
		require.NotNil(t, l.recall("\x00"), "what is looked at stays")
	}
	require.LessOrEqual(t, len(l.young)+len(l.old), 2*maxLooks)
}
