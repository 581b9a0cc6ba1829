package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestACountIsReadAsWhatHasPassedSince(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, now  topology.Counter
		bytes, other uint64
	}{
		"first":               {topology.Counter{}, counted("a", 0, 10, 2), 10, 2},
		"nothing":             {counted("a", 0, 10, 2), counted("a", 0, 10, 2), 0, 0},
		"more":                {counted("a", 0, 10, 2), counted("a", 0, 15, 3), 5, 1},
		"begun anew":          {counted("a", 0, 10, 2), counted("b", 0, 15, 3), 15, 3},
		"begun anew, unseen":  {counted("", 0, 10, 2), counted("", 0, 4, 1), 4, 1},
		"wrapped at 32 bits":  {counted("a", 32, 1<<32-6, 2), counted("a", 32, 4, 3), 10, 1},
		"wrapped and anew":    {counted("a", 32, 1<<32-6, 2), counted("b", 32, 4, 1), 4, 1},
		"more than its width": {counted("a", 32, 1<<33, 2), counted("a", 32, 4, 2), 4, 0},
	} {
		received, sent := c.now.Since(c.before)
		require.Equal(t, topology.Traffic{Bytes: c.bytes, Packets: c.other}, received, name)
		require.Equal(t, received, sent, name)
	}
}

func counted(series string, width int, bytes, packets uint64) topology.Counter {
	t := topology.Traffic{Bytes: bytes, Packets: packets}
	return topology.Counter{Series: series, Width: width, Received: t, Sent: t}
}

// Whenever one looks, and whatever happens to a counter of 32 bits in between, the readings add up
// to what has passed, less what passed between the last look and a loss of the count.
func TestReadingsAddUpOverWrapsAndNewSeries(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var passed, seen, unseen, count uint64
		series, before := "0", topology.Counter{}
		for n := range rapid.IntRange(1, 40).Draw(r, "steps") {
			switch rapid.SampledFrom([]string{"pass", "pass", "look", "lose"}).Draw(r, "what") {
			case "pass":
				if unseen < 1<<31 { // whoever looks too seldom cannot tell one wrap from two
					more := rapid.Uint64Range(0, 1<<31).Draw(r, "bytes")
					passed, unseen, count = passed+more, unseen+more, (count+more)%(1<<32)
				}
			case "look":
				now := counted(series, 32, count, 0)
				received, _ := now.Since(before)
				seen, unseen, before = seen+received.Bytes, 0, now
				require.Equal(r, passed, seen)
			case "lose":
				passed -= unseen
				unseen, count, series = 0, 0, series+string(rune('0'+n))
			}
		}
	})
}
