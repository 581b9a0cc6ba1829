//go:build linux

package linux

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// benchRuns is how often a benchmark does what it measures; its figure is the median.
func benchRuns(b *testing.B) int {
	b.Helper()
	text := os.Getenv("BUMPWIRE_BENCH_RUNS")
	if text == "" {
		return 10
	}
	runs, err := strconv.Atoi(text)
	require.NoError(b, err)
	require.Positive(b, runs)
	return runs
}

// benchPackets is what a run sends, at a thousand a second, over IPv4 and as many
// over IPv6.
const benchPackets = 10_000

// order is a way to make a service's insertion or removal out of a plan's steps.
type order func(b *testing.B, x *trial, steps []topology.Step)

// trial is one cloud with its tenant and the appliance to be inserted.
type trial struct {
	cloud  *Cloud
	server cloud.Server
	guest  bool
}

func (x *trial) do(b *testing.B, s topology.Step) {
	b.Helper()
	if s.Verb == topology.Boot {
		require.NoError(b, x.cloud.Boot(b.Context(), "a", *s.Appliance, x.server))
		return
	}
	patiently(b, func(ctx context.Context) error { return x.cloud.Do(ctx, "a", s) })
}

func (x *trial) firewall() topology.Service {
	fw := inPath("fw", 20)
	fw.Management = netip.PrefixFrom(managed.Addr(), 24)
	return fw
}

// steps lead to having the services.
func (x *trial) steps(b *testing.B, services ...topology.Service) []topology.Step {
	b.Helper()
	have := observe(b, x.cloud, "a")
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(b, err)
	list, err := topology.Plan(have, want)
	require.NoError(b, err)
	return list
}

// makeBeforeBreak is the planner's order: everything slow first, the swap last.
func makeBeforeBreak(b *testing.B, x *trial, steps []topology.Step) {
	b.Helper()
	for _, s := range steps {
		x.do(b, s)
	}
}

// unplugBootPlug is the order of calls of the founding document: networks and ports,
// then the gateway is unplugged, the appliance booted or shut down, and the gateway
// plugged in where it is to be; what is not needed any more goes at the end. It has
// the same announcements.
func unplugBootPlug(b *testing.B, x *trial, steps []topology.Step) {
	b.Helper()
	at := slices.IndexFunc(steps, func(s topology.Step) bool { return s.Verb == topology.Move && s.Gateway != "" })
	require.GreaterOrEqual(b, at, 0)
	unplug, plug := steps[at], steps[at]
	unplug.To, plug.From = "", ""
	early := func(s topology.Step) bool { return s.Verb == topology.CreateNetwork || s.Verb == topology.CreatePort }
	late := func(s topology.Step) bool { return s.Verb == topology.DeleteNetwork || s.Verb == topology.DeletePort }
	for _, s := range steps {
		if early(s) {
			x.do(b, s)
		}
	}
	x.do(b, unplug)
	for _, s := range slices.Delete(slices.Clone(steps), at, at+1) {
		if !early(s) && !late(s) {
			x.do(b, s)
		}
	}
	x.do(b, plug)
	for _, s := range steps {
		if late(s) {
			x.do(b, s)
		}
	}
}

// outcome is what one run did to the packets of one version of IP.
type outcome struct {
	sent, lost int
	gap        time.Duration // the longest without an answer
}

// run inserts the appliance and removes it again while both flows go on, and gives
// what became of their packets, the first and the last included. The appliance
// itself has counted those that were sent while it was in place.
func (x *trial) run(b *testing.B, swap order) (four, six outcome) {
	b.Helper()
	base := observe(b, x.cloud, "a")
	flows := []*flow{startFlow(b, x.cloud, "a", "h1", PublicIPv4), startFlow(b, x.cloud, "a", "h6", PublicIPv6)}
	flows[0].some(500)
	swap(b, x, x.steps(b, x.firewall()))
	from := x.carried(b)
	first := flows[0].sentSoFar() + flows[1].sentSoFar()
	flows[0].some(2000)
	last := flows[0].sentSoFar() + flows[1].sentSoFar()
	require.GreaterOrEqual(b, x.carried(b)-from, int(last-first)*99/100, "the appliance carries the traffic")
	swap(b, x, x.steps(b))
	require.Equal(b, base, observe(b, x.cloud, "a"))
	if so := flows[0].sentSoFar(); so < benchPackets-500 {
		flows[0].some(benchPackets - 500 - so)
	}
	flows[0].some(500)
	var out [2]outcome
	for n, f := range flows {
		out[n].sent, out[n].lost = f.end()
		out[n].gap = f.gap
	}
	return out[0], out[1]
}

// carried are the packets that came into the appliance from the hosts: by its own
// count where it keeps one, else by that of its inside leg.
func (x *trial) carried(b *testing.B) (packets int) {
	b.Helper()
	if !x.guest {
		return legPackets(b, x.cloud)
	}
	var answer struct {
		Interfaces map[string]struct {
			Packets int `json:"rx_packets"`
		} `json:"interfaces"`
	}
	require.Eventually(b, func() bool {
		conn, err := x.cloud.Dial(b.Context(), "a", managed)
		if err != nil {
			return false // its login comes up after it forwards
		}
		defer conn.Close()
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+managed.String()+"/counters", nil)
		require.NoError(b, err)
		r.SetBasicAuth("admin", "not a secret")
		require.NoError(b, r.Write(conn))
		text, err := io.ReadAll(conn)
		_, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		return err == nil && json.Unmarshal(body, &answer) == nil
	}, 2*time.Minute, 50*time.Millisecond)
	return answer.Interfaces["inside1"].Packets
}

// BenchmarkInsertionAndRemoval counts what one insertion and removal of a service in
// path costs, in our order of calls and in the founding document's, in turn on the
// same machine.
func BenchmarkInsertionAndRemoval(b *testing.B) {
	for name, bed := range map[string]func(*testing.B) *trial{
		"bridge": func(b *testing.B) *trial { return &trial{cloud: newPatched(b)} },
		"guest": func(b *testing.B) *trial {
			return &trial{server: firewallServer(b), cloud: newReal(b), guest: true}
		},
	} {
		b.Run(name, func(b *testing.B) {
			x := bed(b)
			village(b, x.cloud, "a")
			results := map[string][]outcome{}
			for b.Loop() {
				for range benchRuns(b) {
					for name, swap := range map[string]order{"": makeBeforeBreak, "founding-": unplugBootPlug} {
						four, six := x.run(b, swap)
						results[name+"IPv4"] = append(results[name+"IPv4"], four)
						results[name+"IPv6"] = append(results[name+"IPv6"], six)
					}
				}
			}
			for what, list := range results {
				report(b, what, list)
			}
		})
	}
}

// report gives the median of the losses, for ten thousand packets, the most that a
// run lost, and the longest silence of all runs.
func report(b *testing.B, what string, list []outcome) {
	b.Helper()
	var lost []int
	var gap time.Duration
	for _, o := range list {
		lost = append(lost, o.lost)
		gap = max(gap, o.gap)
	}
	slices.Sort(lost)
	b.ReportMetric(float64(lost[len(lost)/2]), what+"-lost")
	b.ReportMetric(float64(lost[len(lost)-1]), what+"-lost-worst")
	b.ReportMetric(gap.Seconds()*1000, what+"-gap-ms")
	b.Logf("%s: lost per run %v of %d and more", what, lost, benchPackets)
}

// BenchmarkDownloadAcrossSwaps has a host download while a service is inserted and
// removed; what arrived has the checksum of what was sent.
func BenchmarkDownloadAcrossSwaps(b *testing.B) {
	for name, bed := range map[string]func(*testing.B) *trial{
		"bridge": func(b *testing.B) *trial { return &trial{cloud: newPatched(b)} },
		"guest":  func(b *testing.B) *trial { return &trial{server: firewallServer(b), cloud: newReal(b)} },
	} {
		b.Run(name, func(b *testing.B) {
			x := bed(b)
			village(b, x.cloud, "a")
			var total int64
			var longest time.Duration
			for b.Loop() {
				s := startStream(b, x.cloud, "a", "h1")
				s.more(b)
				makeBeforeBreak(b, x, x.steps(b, x.firewall()))
				s.more(b)
				makeBeforeBreak(b, x, x.steps(b))
				s.more(b)
				n, stall := s.end(b)
				total, longest = total+n, max(longest, stall)
			}
			b.ReportMetric(longest.Seconds()*1000, "stall-ms")
			b.ReportMetric(float64(total)/float64(b.N)/1e6, "MB")
		})
	}
}

// BenchmarkRedirection counts what twelve flows lose when members join a cluster,
// and what those of the others lose when one dies.
func BenchmarkRedirection(b *testing.B) {
	joined, others, hurt := 0, 0, 0
	for b.Loop() {
		c := newPatched(b)
		village(b, c, "a")
		boot := c.bootPlain(b.Context(), "a")
		list := startFlows(b, c)
		converge(b, c, "a", boot, cluster(1))
		someMore(list, 100)
		converge(b, c, "a", boot, cluster(3))
		someMore(list, 100)
		lost := endAll(list)
		b.Logf("lost by each flow when members joined: %v", lost)
		for _, n := range lost {
			joined += n
		}

		list = flowsOf(b, c)
		someMore(list, 100)
		dead := topology.Appliance{ID: topology.ReplicaOf("lb", 0, 1), Instance: "lb"}
		through := flowsThrough(b, c, dead.ID, list)
		require.NoError(b, c.withFabric("a", func(*view) error { return c.machines.stop(b.Context(), machine{"a", dead}) }))
		someMore(list, 50)
		lb := cluster(3)
		lb.Replicas[1].Idle = true
		converge(b, c, "a", boot, lb)
		someMore(list, 100)
		lost = endAll(list)
		b.Logf("lost by each flow when a member died, which had %v: %v", slices.Sorted(maps.Keys(through)), lost)
		for n, lost := range lost {
			if through[n] {
				hurt++
			} else {
				others += lost
			}
		}
		require.NoError(b, c.Sweep(b.Context()))
	}
	b.ReportMetric(float64(joined)/float64(b.N), "lost-when-joining")
	b.ReportMetric(float64(others)/float64(b.N), "others-lost-when-dying")
	b.ReportMetric(float64(hurt)/float64(b.N), "flows-of-the-dead")
}
