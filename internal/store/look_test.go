package store

import (
	"fmt"
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

func TestALookAtAllDecodesEachBodyOnce(t *testing.T) {
	t.Parallel()
	m := memory{}
	many := func(count int) Collection[format] {
		for n := range count {
			id := fmt.Sprintf("%04d", n)
			m["things/"+id] = Doc{ID: id, Revision: 1, Body: fmt.Appendf(nil, `{"level":%d}`, n)}
		}
		return In[format](New(m), "things", nil)
	}
	all := func(things Collection[format]) (list []*format) {
		for f, err := range things.LookAll(t.Context(), "", "") {
			require.NoError(t, err)
			require.Equal(t, len(list), f.Level, "in the order of their ids")
			list = append(list, f)
		}
		return list
	}
	few := many(maxBrowsed)
	first := all(few)
	require.Len(t, first, maxBrowsed)
	for n, again := range all(few) {
		require.Same(t, first[n], again)
	}
	alone, err := few.Look(t.Context(), "0007")
	require.NoError(t, err)
	require.Same(t, first[7], alone)

	crowd := many(DefaultLimit + maxBrowsed)
	require.Len(t, all(crowd), DefaultLimit+maxBrowsed, "over two pages")
	require.LessOrEqual(t, len(crowd.looks.young), maxBrowsed, "a long page is not remembered")

	m["things/0003"] = Doc{ID: "0003", Revision: 1, Body: []byte(`{`)}
	for _, err = range few.LookAll(t.Context(), "", "") {
	}
	require.ErrorContains(t, err, "cannot decode")
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
