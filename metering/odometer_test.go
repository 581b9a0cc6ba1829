package metering

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// reader is a broker that reads counters. It may be paused between any two things that it does.
type reader struct {
	round    Window
	counters []topology.Counter // nil: it has planned and not read
}

// Several readers plan, read and enter in any order, each as late as it likes, and freeze what is over. What
// the sums have is what passed until the last reading that was entered, each interval once.
func TestAnyOrderOfPlansAndReadingsCountsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		life := provision.Instance{ID: "i", History: []provision.Event{{Seq: 1, At: begin.Add(time.Minute), State: provision.Active}}}
		const round, window = 5 * time.Minute, 10 * time.Minute
		var o odometer
		var passed, entered, seen uint64
		now := begin.Add(round)
		keep := func(next odometer, err error) bool {
			if !errors.Is(err, store.Unchanged) {
				require.NoError(r, err)
				o = next
			}
			return err == nil
		}
		read := func() []topology.Counter {
			return []topology.Counter{{Port: "p", Role: topology.Inside, Series: "1", Received: topology.Traffic{Bytes: passed}}}
		}
		require.True(r, keep(o.plan(life, Window{begin, now})), "the instance became active in this round")
		readers := make([]*reader, 3)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			n := rapid.IntRange(0, len(readers)-1).Draw(r, "reader")
			switch rapid.SampledFrom([]string{"pass", "wait", "plan", "read", "enter", "freeze"}).Draw(r, "what") {
			case "pass":
				passed += rapid.Uint64Range(0, 1000).Draw(r, "bytes")
			case "wait":
				now = now.Add(round)
			case "plan":
				readers[n] = &reader{round: Window{now.Add(-round), now}}
				keep(o.plan(life, readers[n].round))
			case "read":
				if readers[n] != nil {
					readers[n].counters, seen = read(), passed
				}
			case "enter":
				if readers[n] == nil || readers[n].counters == nil {
					continue
				}
				if keep(o.enter(readers[n].counters, "s", readers[n].round.End, window)) {
					require.GreaterOrEqual(r, readers[n].counters[0].Received.Bytes, entered, "no reading before one that was entered")
					entered = readers[n].counters[0].Received.Bytes
				}
			case "freeze":
				keep(o.freeze(o.Until))
			}
			require.Equal(r, entered, total(o))
			require.LessOrEqual(r, entered, seen)
		}
		now = now.Add(round)
		require.True(r, keep(o.plan(life, Window{now.Add(-round), now})))
		require.True(r, keep(o.enter(read(), "s", now, window)))
		require.Equal(r, passed, total(o), "and nothing is lost")
		for n, s := range o.Sums {
			require.Equal(r, n+1, s.Number)
			require.Equal(r, window, s.Window.End.Sub(s.Window.Start))
		}
	})
}

func total(o odometer) (bytes uint64) {
	for _, s := range o.Sums {
		bytes += s.Legs[topology.Inside].Received.Bytes
	}
	return bytes
}

// Frozen sums stay as they are, and what is booked goes by its number.
func TestWhatIsFrozenStaysAsItIs(t *testing.T) {
	t.Parallel()
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	w := Window{start, start.Add(time.Hour)}
	legs := func() map[topology.LegRole]passage {
		return map[topology.LegRole]passage{topology.Inside: {Received: topology.Traffic{Bytes: 1}}}
	}
	var o odometer
	o.add(legs(), "s", w)
	o.add(legs(), "s", w)
	o.add(map[topology.LegRole]passage{topology.Outside: {}}, "s", w)
	require.Len(t, o.Sums, 1)
	before := o
	_, err := o.freeze(w.End.Add(-1))
	require.ErrorIs(t, err, store.Unchanged, "its window is not over")
	o, err = o.freeze(w.End)
	require.NoError(t, err)
	require.False(t, before.Sums[0].Frozen, "what others hold is not altered")
	o.add(legs(), "s", w)
	o.add(legs(), "l", w)
	require.Len(t, o.Sums, 3)
	require.EqualValues(t, 4, total(o))
	o, err = o.without(1)
	require.NoError(t, err)
	require.EqualValues(t, 2, total(o))
	_, err = o.without(1)
	require.ErrorIs(t, err, store.Unchanged)
}
