package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

type book struct {
	Title string `json:"title"`
	Shelf string `json:"shelf,omitempty"`
}

func books(s *store.Store) store.Collection[book] {
	return store.In(s, "books", func(b book) map[string]string { return map[string]string{"shelf": b.Shelf} })
}

func TestAValueComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	c := books(storetest.New(t))
	ctx := t.Context()
	_, err := c.Get(ctx, "1")
	require.ErrorIs(t, err, fault.NotFound)
	require.NoError(t, c.Create(ctx, "1", book{"Emma", "A"}))
	require.ErrorIs(t, c.Create(ctx, "1", book{"Persuasion", "B"}), fault.Conflict)
	got, err := c.Get(ctx, "1")
	require.NoError(t, err)
	require.Equal(t, book{"Emma", "A"}, got)
	require.NoError(t, c.Delete(ctx, "1"))
	require.NoError(t, c.Delete(ctx, "1"), "absent is fine")
	_, err = c.Get(ctx, "1")
	require.ErrorIs(t, err, fault.NotFound)
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	c := books(storetest.New(t))
	ctx := t.Context()
	_, err := c.Update(ctx, "1", func(book) (book, error) {
		t.Error("there is nothing to change")
		return book{}, nil
	})
	require.ErrorIs(t, err, fault.NotFound)
	require.NoError(t, c.Create(ctx, "1", book{"Emma", "A"}))

	got, err := c.Update(ctx, "1", func(b book) (book, error) { b.Shelf = "B"; return b, nil })
	require.NoError(t, err)
	require.Equal(t, book{"Emma", "B"}, got)

	refused := errors.New("refused")
	_, err = c.Update(ctx, "1", func(b book) (book, error) { b.Shelf = "C"; return b, refused })
	require.ErrorIs(t, err, refused)
	got, err = c.Update(ctx, "1", func(b book) (book, error) { b.Shelf = "C"; return b, store.Unchanged })
	require.NoError(t, err)
	require.Equal(t, book{"Emma", "B"}, got)
	got, err = c.Get(ctx, "1")
	require.NoError(t, err)
	require.Equal(t, book{"Emma", "B"}, got)
}

func TestALostRaceRunsTheChangeAgain(t *testing.T) {
	t.Parallel()
	c := books(storetest.New(t))
	ctx := t.Context()
	require.NoError(t, c.Create(ctx, "1", book{Title: ""}))
	for _, change := range []func(string) (book, error){
		func(letter string) (book, error) {
			runs := 0
			return c.Update(ctx, "1", func(b book) (book, error) {
				if runs++; runs <= 5 {
					meddle(t, c, "1")
				}
				b.Title += letter
				return b, nil
			})
		},
		func(letter string) (book, error) {
			runs := 0
			return c.Upsert(ctx, "2", func(b book, exists bool) (book, error) {
				require.Equal(t, runs > 0, exists)
				if runs++; runs <= 5 {
					meddle(t, c, "2")
				}
				b.Title += letter
				return b, nil
			})
		},
	} {
		got, err := change("x")
		require.NoError(t, err)
		require.Equal(t, "-----x", got.Title)
	}
}

func meddle(t *testing.T, c store.Collection[book], id string) {
	_, err := c.Upsert(t.Context(), id, func(b book, _ bool) (book, error) { b.Title += "-"; return b, nil })
	require.NoError(t, err)
}

func TestListAndAllPageUnderTheHood(t *testing.T) {
	t.Parallel()
	c := books(storetest.New(t))
	ctx := t.Context()
	const n = store.DefaultLimit*2 + 1
	for i := range n {
		require.NoError(t, c.Create(ctx, fmt.Sprintf("%05d", i), book{fmt.Sprint(i), []string{"", "A"}[i%2]}))
	}
	for _, q := range []struct {
		key, value string
		want       int
	}{{"", "", n}, {"shelf", "A", n / 2}, {"shelf", "", 0}, {"shelf", "B", 0}, {"title", "1", 0}} {
		last, count := "", 0
		for b, err := range c.All(ctx, q.key, q.value) {
			require.NoError(t, err)
			require.Less(t, last, fmt.Sprintf("%05s", b.Title))
			last = fmt.Sprintf("%05s", b.Title)
			count++
		}
		require.Equal(t, q.want, count, "%+v", q)
	}
	page, err := c.List(ctx, store.Query{Key: "shelf", Value: "A", After: "00003", Limit: 2})
	require.NoError(t, err)
	require.Equal(t, []book{{"5", "A"}, {"7", "A"}}, page)
	for range c.All(ctx, "", "") {
		break // an early end is fine
	}
}

func TestAllEndsWithItsError(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	c := books(s)
	require.NoError(t, store.In[int](s, "books", nil).Create(t.Context(), "2", 7))
	require.NoError(t, c.Create(t.Context(), "1", book{Title: "Emma"}))
	require.NoError(t, c.Create(t.Context(), "3", book{Title: "Emma"}))
	var errs []error
	for _, err := range c.All(t.Context(), "", "") {
		errs = append(errs, err)
	}
	require.Len(t, errs, 2)
	require.ErrorContains(t, errs[1], `cannot decode books "2"`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.All(ctx, "", "") {
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	c := books(storetest.New(t))
	ctx := t.Context()
	for _, id := range []string{"", "a\x00b", "\xff", strings.Repeat("x", store.MaxID+1)} {
		require.ErrorIs(t, c.Create(ctx, id, book{}), fault.Invalid, "%q", id)
		_, err := c.Get(ctx, id)
		require.ErrorIs(t, err, fault.NotFound, "%q", id)
	}
	require.ErrorIs(t, c.Create(ctx, "1", book{Title: strings.Repeat("x", store.MaxBody)}), fault.TooLarge)
}

func TestAnErrorOfTheBackEndIsNotARace(t *testing.T) {
	t.Parallel()
	d := storetest.NewFaulty(storetest.Memory(t), func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == 2 {
			return storetest.FailsAfter
		}
		return storetest.Works
	})
	c := books(store.New(d))
	require.NoError(t, c.Create(t.Context(), "1", book{}))
	runs := 0
	_, err := c.Update(t.Context(), "1", func(b book) (book, error) { runs++; b.Title += "x"; return b, nil })
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, 1, runs)
	got, err := c.Get(t.Context(), "1")
	require.NoError(t, err)
	require.Equal(t, "x", got.Title, "only the answer was lost")
}

func TestPing(t *testing.T) {
	t.Parallel()
	d := storetest.NewFaulty(storetest.Memory(t), nil)
	s := store.New(d)
	require.NoError(t, s.Ping(t.Context()))
	d.Kill()
	require.ErrorIs(t, s.Ping(t.Context()), fault.Unavailable)
}

func ExampleCollection_Update() {
	s := store.New(openMemory())
	defer s.Close()
	ctx := context.Background()
	books := store.In(s, "books", func(b book) map[string]string { return map[string]string{"shelf": b.Shelf} })
	_ = books.Create(ctx, "isbn-1", book{Title: "Emma", Shelf: "A"})
	_, _ = books.Update(ctx, "isbn-1", func(b book) (book, error) {
		b.Shelf = "B"
		return b, nil
	})
	for b := range books.All(ctx, "shelf", "B") {
		fmt.Println(b.Title)
	}
	// Output: Emma
}

func openMemory() store.Driver {
	d, err := sqlitestore.Memory()
	if err != nil {
		panic(err)
	}
	return d
}
