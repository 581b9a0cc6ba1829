package sim_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

var (
	sequences = flag.Int("sequences", 300, "how many sequences of requests TestSequences plays")
	firstSeed = flag.Uint64("seed", 1, "the first one's seed; with -sequences=1, to play one again")
)

// Whatever two tenants ask for, in any order, and whichever calls of the cloud fail
// on the way: after every step no frame goes round, none reaches another tenant's
// network or another one of its own tenant's, hosts reach their gateways except
// where services cannot change without a moment's stop, no traffic gets past a
// service that it is to pass, and when all is removed each tenant has what it had.
func TestSequences(t *testing.T) {
	t.Parallel()
	var next, done atomic.Int64
	var all count
	var mu sync.Mutex // guards all
	var players sync.WaitGroup
	begin := time.Now()
	for range runtime.GOMAXPROCS(0) {
		players.Go(func() {
			for i := next.Add(1); i <= int64(*sequences) && !t.Failed(); i = next.Add(1) {
				s := newScript(*firstSeed + uint64(i) - 1)
				p := newPlay(t.Context(), s)
				if p.run(s) != nil {
					short, why := s.shorten(func(s script) error { return newPlay(t.Context(), s).run(s) })
					t.Errorf("%s\n%v\nplay it again: go test ./provision/cloud/sim -run TestSequences -sequences 1 -seed %d", short, why, s.seed)
				}
				mu.Lock()
				all.add(p.told)
				mu.Unlock()
				done.Add(1)
			}
		})
	}
	players.Wait()
	text := fmt.Sprintf("%d random sequences: %d requests, %d of them refused, %d steps, %d failures on the way, looked %d times; %s\n", done.Load(),
		all.requests, all.refused, all.steps, all.trips, all.looks, time.Since(begin).Round(time.Millisecond))
	t.Log(text)
	if dir := os.Getenv("BUMPWIRE_REPORTS"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "sequences.txt"), []byte(text), 0o644))
	}
	require.Equal(t, *sequences, int(done.Load()))
}

// What is wrong with a planner or a cloud is found, and told by a script of few
// requests.
func TestSequencesFindWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		plant func(*play)
		says  string
	}{
		"a planner that swaps before it has waited": {planting(func(s []topology.Step) []topology.Step {
			return append(without(s, topology.Await), only(s, topology.Await)...)
		}), "do not reach"},
		"a planner that makes room before it has swapped": {planting(func(s []topology.Step) []topology.Step {
			return append(only(s, topology.Shutdown), without(s, topology.Shutdown)...)
		}), "do not reach"},
		"a planner that does its steps from the end": {planting(func(s []topology.Step) []topology.Step {
			slices.Reverse(s[slices.IndexFunc(s, moves)+1:])
			return s
		}), ""},
		"a planner that leaves a network behind": {planting(func(s []topology.Step) []topology.Step {
			return without(s, topology.DeleteNetwork)
		}), "not what should be"},
		"a planner that takes a rule away before it makes it anew": {planting(gapInRules), "get past"},
		"a cloud that leads traffic past":                          {handing(pastAll), "gets past"},
		"a cloud that joins networks":                              {handing(joining("n0")), "frames of"},
		"a cloud that joins tenants":                               {handing(joining("other")), "of tenant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(s script) error {
				p := newPlay(t.Context(), s)
				c.plant(p)
				return p.run(s)
			}
			for seed := uint64(1); ; seed++ {
				require.Less(t, seed, uint64(1000), "nothing was found")
				if s := newScript(seed); run(s) != nil {
					short, why := s.shorten(run)
					require.ErrorContains(t, why, c.says)
					require.LessOrEqual(t, len(short.asks), 4)
					return
				}
			}
		})
	}
}
