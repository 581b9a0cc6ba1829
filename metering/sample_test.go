package metering_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// switchboard counts what passes legs, and remembers all that passed.
type switchboard struct {
	mu     sync.Mutex
	legs   map[topology.InstanceID]map[topology.PortID]*topology.Counter
	passed map[topology.InstanceID]topology.Traffic // received by inside legs
	silent int                                      // so many readings fail
	read   func()                                   // called after each reading, before it is told
}

func newSwitchboard() *switchboard {
	return &switchboard{legs: map[topology.InstanceID]map[topology.PortID]*topology.Counter{}, passed: map[topology.InstanceID]topology.Traffic{}}
}

func (s *switchboard) Counters(_ context.Context, i provision.Instance) (list []topology.Counter, err error) {
	if s.read != nil {
		defer s.read()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent > 0 {
		s.silent--
		return nil, fault.New(fault.Unavailable, "the cloud does not answer")
	}
	for _, c := range s.legs[i.ID] {
		list = append(list, *c)
	}
	return list, nil
}

// carry has an instance's inside leg receive, and its outside leg send, a packet of so many bytes.
func (s *switchboard) carry(i topology.InstanceID, bytes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := topology.Traffic{Bytes: bytes, Packets: 1}
	s.leg(i, "inside", topology.Inside).Received = s.leg(i, "inside", topology.Inside).Received.And(t)
	s.leg(i, "outside", topology.Outside).Sent = s.leg(i, "outside", topology.Outside).Sent.And(t)
	s.passed[i] = s.passed[i].And(t)
}

func (s *switchboard) leg(i topology.InstanceID, port topology.PortID, role topology.LegRole) *topology.Counter {
	if s.legs[i] == nil {
		s.legs[i] = map[topology.PortID]*topology.Counter{}
	}
	if s.legs[i][port] == nil {
		s.legs[i][port] = &topology.Counter{Port: port, Role: role, Series: "1"}
	}
	return s.legs[i][port]
}

// forget begins another series of all counters of an instance.
func (s *switchboard) forget(i topology.InstanceID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.legs[i] {
		c.Series, c.Received, c.Sent = c.Series+"1", topology.Traffic{}, topology.Traffic{}
	}
}

// byTraffic is a tariff in which what passes is sold: gigabytes, and packets.
var byTraffic = tariff{"s": {
	per("leg.inside.bytes", "byte", "0.001"), per("leg.inside.received.packets", "packet", "1"), per("leg.outside.received.bytes", "byte", "1"),
}}

// sampled is a meter that reads counters every five minutes and has windows of ten.
func sampled(t *testing.T, s *store.Store, f *fleet, c metering.Counters) *metering.Meter {
	return newMeter(t, s, f, byTraffic, metering.Config{Window: 10 * time.Minute, Sample: 5 * time.Minute, Counters: c, Grace: time.Minute})
}

// counted is what the usage records of an instance have of a dimension.
func counted(t require.TestingT, m *metering.Meter, i topology.InstanceID, dimension string) uint64 {
	usage, err := m.Usage(context.Background(), metering.Filter{Instance: i})
	require.NoError(t, err)
	total := decimal.Zero
	for _, u := range usage {
		if u.Dimension == dimension {
			total = total.Add(u.Quantity)
			require.True(t, u.Quantity.IsPositive())
		}
	}
	return total.BigInt().Uint64()
}

// newcomer becomes active in the first round of 2000.
func newcomer(id string) provision.Instance { return activeSince(id, "2000-01-01T00:01:00Z") }

func activeSince(id, moment string) provision.Instance {
	i := instance(id, moment+" active s")
	i.State, i.Plan = provision.Active, "s"
	return i
}

func TestWhatPassesLegsIsBilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, board := storetest.New(t), newSwitchboard()
		gone := newcomer("gone")
		m := sampled(t, s, stored(t, s, newcomer("i"), activeSince("old", "1999-12-01T00:00:00Z"), gone), board)
		board.carry("old", 1_000_000)
		step := func(minutes int) {
			time.Sleep(time.Duration(minutes) * time.Minute)
			did, err := m.Sample(t.Context())
			require.NoError(t, err)
			require.True(t, did)
			did, err = m.Sample(t.Context())
			require.NoError(t, err)
			require.False(t, did, "it is done")
		}
		for _, i := range []topology.InstanceID{"i", "old", "gone"} {
			board.carry(i, 100)
		}
		step(5)
		board.carry("i", 11)
		board.carry("old", 12)
		board.forget("i")
		board.carry("i", 20)
		step(5) // 00:10: the first window is over
		board.carry("i", 5)
		board.carry("gone", 7)
		step(5)
		_, err := provision.Documents(s).Update(t.Context(), "gone", func(i provision.Instance) (provision.Instance, error) {
			i.State = provision.Deleted
			i.History = append(i.History, provision.Event{Seq: 2, At: time.Now().UTC(), State: provision.Deleted, Plan: "s"})
			return i, nil
		})
		require.NoError(t, err)
		step(5) // 00:20
		require.EqualValues(t, 100+20+5, counted(t, m, "i", "leg.inside.bytes"), "less what passed between the last reading and the loss of the count")
		require.EqualValues(t, 3, counted(t, m, "i", "leg.inside.received.packets"))
		require.EqualValues(t, 12, counted(t, m, "old", "leg.inside.bytes"), "nobody knows since when the first reading counts")
		require.EqualValues(t, 107, counted(t, m, "gone", "leg.inside.bytes"), "as far as it was read")
		require.Zero(t, counted(t, m, "i", "leg.outside.received.bytes"))

		time.Sleep(2 * time.Minute)
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		bills, err := m.Bills(t.Context(), metering.Filter{Instance: "i"})
		require.NoError(t, err)
		var lines []string
		for _, b := range bills {
			lines = append(lines, fmt.Sprintf("%s %s %s = %s", b.Start.Format("15:04"), b.Dimension, b.Quantity, b.Amount))
		}
		slices.Sort(lines)
		require.Equal(t, []string{
			"00:00 leg.inside.bytes 120 = 0.12", "00:00 leg.inside.received.packets 2 = 2",
			"00:10 leg.inside.bytes 5 = 0.005", "00:10 leg.inside.received.packets 1 = 1",
		}, lines)
		var findings store.Findings
		_, err = metering.Check(t.Context(), s, &findings)
		require.NoError(t, err)
		require.Empty(t, findings)

		time.Sleep(february)
		require.Equal(t, 1, issueAll(t, m))
		issued, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		n := slices.IndexFunc(issued.Lines, func(l rating.Line) bool { return l.Instance == "i" && l.Dimension == "leg.inside.bytes" })
		e, err := m.Explain(t.Context(), 1, issued.Lines[n].ID)
		require.NoError(t, err)
		require.Equal(t, []string{"2000-01-01 120: ", "2000-01-01 5: "}, trail(e), "what was read in each window")
	})
}

// A broker dies at each write in turn, before it or after it, and another goes on; the cloud does not
// answer now and then. Each interval counts once.
func TestReadingsCountOnceWhoeverDiesWhen(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]storetest.Outcome{
		"fails before": storetest.FailsBefore, "fails after": storetest.FailsAfter, "dies before": storetest.DiesBefore, "dies after": storetest.DiesAfter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for write := 1; ; write++ {
					if survived := samplesWithDeath(t, write, outcome); survived {
						require.Greater(t, write, 50, "as many writes were tried")
						return
					}
				}
			})
		})
	}
}

// samplesWithDeath plays half an hour, and says whether there were fewer writes than it wanted to fail.
func samplesWithDeath(t *testing.T, write int, outcome storetest.Outcome) bool {
	begin := floorTo(time.Now(), 10*time.Minute).Add(10 * time.Minute)
	time.Sleep(time.Until(begin))
	disk, board := storetest.Memory(t), newSwitchboard()
	clean := store.New(disk)
	var all []provision.Instance
	for _, id := range []string{"a", "b"} {
		i := newcomer(id)
		i.History[0].At = begin.Add(time.Minute)
		all = append(all, i)
	}
	f := stored(t, clean, all...)
	faulty := storetest.NewFaulty(disk, func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == write {
			return outcome
		}
		return storetest.Works
	})
	m := sampled(t, store.New(faulty), f, board)
	for step := range 6 {
		board.carry("a", uint64(1+step))
		board.carry("b", 1000)
		if step%3 == 1 {
			board.silent = 1
		}
		time.Sleep(5 * time.Minute)
		if _, err := m.Sample(t.Context()); err != nil {
			require.ErrorIs(t, err, fault.Unavailable)
			m = sampled(t, clean, f, board) // another broker
			if step%2 == 0 {
				time.Sleep(15 * time.Second) // the lease of the dead
				_, err := m.Sample(t.Context())
				require.NoError(t, err)
			}
		}
	}
	m = sampled(t, clean, f, board)
	time.Sleep(10 * time.Minute)
	_, err := m.Sample(t.Context())
	require.NoError(t, err)
	for _, i := range all {
		require.Equal(t, board.passed[i.ID].Bytes, counted(t, m, i.ID, "leg.inside.bytes"), "%s, write %d", i.ID, write)
		require.Equal(t, board.passed[i.ID].Packets, counted(t, m, i.ID, "leg.inside.received.packets"), "%s, write %d", i.ID, write)
	}
	return faulty.Writes() < write
}

func floorTo(t time.Time, length time.Duration) time.Time { return t.UTC().Truncate(length) }

// Three brokers read at the same time, in any order, with pauses in the middle that are longer
// than their leases.
func TestReadingsOfSeveralBrokersCountOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(25) {
			random, board := rand.New(rand.NewPCG(seed, 0)), newSwitchboard()
			var mu sync.Mutex
			board.read = func() {
				mu.Lock()
				pause := random.IntN(8) == 0
				mu.Unlock()
				if pause {
					time.Sleep(40 * time.Second)
				}
			}
			begin := floorTo(time.Now(), 10*time.Minute).Add(10 * time.Minute)
			time.Sleep(time.Until(begin))
			s := storetest.New(t)
			i := newcomer("i")
			i.History[0].At = begin.Add(time.Minute)
			f := stored(t, s, i)
			for range 8 {
				board.carry("i", random.Uint64N(1000)+1)
				time.Sleep(5 * time.Minute)
				var working sync.WaitGroup
				for range 3 {
					working.Go(func() { _, _ = sampled(t, s, f, board).Sample(t.Context()) })
				}
				for range 3 {
					board.carry("i", 7)
					time.Sleep(20 * time.Second)
				}
				working.Wait()
			}
			board.read = nil
			m := sampled(t, s, f, board)
			time.Sleep(time.Until(floorTo(time.Now(), 10*time.Minute).Add(20 * time.Minute))) // a window's end
			_, err := m.Sample(t.Context())
			require.NoError(t, err)
			require.Equal(t, board.passed["i"].Bytes, counted(t, m, "i", "leg.inside.bytes"), "seed %d", seed)
		}
	})
}

func TestReadingsDivideWindows(t *testing.T) {
	t.Parallel()
	_, err := metering.New(metering.Config{
		Store: storetest.New(t), Instances: &fleet{}, Catalog: byTraffic, Log: newLog(t), Window: time.Hour, Sample: 7 * time.Minute,
	})
	require.ErrorIs(t, err, fault.Invalid)
}
