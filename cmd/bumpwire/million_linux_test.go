package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// BenchmarkMillion is how `serve` does with a thousand instances and with a million
// (BUMPWIRE_BENCH_INSTANCES): how long until it is ready, what memory it holds once
// its loops have gone round (the monitor through every instance), how much longer
// requests take, and the bytes of store per instance.
//
// Each instance is what the broker itself wrote of one that was provisioned, bound and
// watched, and whose cloud was lost then; all are active, a hundred to a tenant. The
// simulated cloud has none of their appliances, because it is a file that every probe
// reads and writes; so the monitor asks about each and finds each time what it knows.
// For the same reason nothing is compared with that cloud, and no window of metering
// ends meanwhile: these two write a document for each instance.
func BenchmarkMillion(b *testing.B) {
	many := 1_000_000
	if text := os.Getenv("BUMPWIRE_BENCH_INSTANCES"); text != "" {
		var err error
		many, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	for b.Loop() {
		few, all := newPopulation(b, 1000), newPopulation(b, many)
		b.ReportMetric(all.begin().Seconds(), "s-start")
		b.ReportMetric(all.memory("VmRSS"), "MiB-at-start")
		few.begin()
		for _, kind := range []string{"point", "osb", "first", "middle", "tenant", "health"} {
			b.ReportMetric(compare(few, all, kind), kind+"-ratio")
		}
		b.ReportMetric(all.round().Seconds(), "s-round")
		b.ReportMetric(all.memory("VmRSS"), "MiB")
		b.ReportMetric(all.memory("VmHWM"), "MiB-peak")
		b.ReportMetric(all.bytes, "B/instance")
		few.stop()
		all.stop()
	}
}

// population is a broker on a store with so many instances.
type population struct {
	*brokers
	ids   []string // in order
	bytes float64  // of the store, for each
}

const perTenant = 100

func newPopulation(b *testing.B, size int) *population {
	b.Helper()
	p := &population{brokers: newBrokers(b, 1, "", "BUMPWIRE_METERING_WINDOW=24h", "BUMPWIRE_PROVISION_RECONCILE_SCHEDULE=0 0 29 2 *")}
	pattern := p.pattern(b)
	path := filepath.Join(p.dir, "data", "bumpwire.db")
	before := sizeOf(b, path)
	began := time.Now()
	p.fill(b, path, pattern, size)
	b.Logf("%d instances of %d bytes stored in %s", size, len(pattern.Body), time.Since(began).Round(time.Second))
	p.bytes = float64(sizeOf(b, path)-before) / float64(size)
	return p
}

const patternID, patternTenant = "2f6b5a8e-0c1d-4d7e-9a3b-5c8e7f102938", "org-0"

// pattern is the document of an instance whose cloud was lost.
func (p *population) pattern(b *testing.B) store.Doc {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	p.furnish(1)
	r := p.order(0)
	r.Parameters = json.RawMessage(`{"networks":["lan"]}`)
	made, err := p.osb().Provision(ctx, patternID, r)
	require.NoError(b, err)
	require.NoError(b, p.follow(ctx, patternID, made.Operation))
	_, err = p.osb().Bind(ctx, patternID, "binding", api.OSBBind{ServiceID: r.ServiceID, PlanID: r.PlanID})
	require.NoError(b, err)
	p.awaitHealth(ctx, "ok")
	p.stop()
	require.NoError(b, os.Remove(filepath.Join(p.dir, "data", "sim.json")))
	p.start()
	p.awaitHealth(ctx, "failing")
	p.stop()

	d, err := sqlitestore.Open(ctx, filepath.Join(p.dir, "data", "bumpwire.db"))
	require.NoError(b, err)
	defer d.Close()
	require.NoError(b, d.Folded(ctx))
	doc, err := d.Get(ctx, "instances", patternID)
	require.NoError(b, err)
	return doc
}

func (p *population) awaitHealth(ctx context.Context, status string) {
	p.t.Helper()
	for {
		i, err := p.admin().Instance(ctx, patternID)
		require.NoError(p.t, err)
		if i.Health.Status == status && i.Upkeep.State != "in progress" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// platformIDs are as platforms make them, in order.
func platformIDs(n int) []string {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", random.Uint32(), random.Uint32()&0xffff, random.Uint32()&0xfff, random.Uint32()&0xfff, random.Uint64()&0xffffffffffff)
	}
	slices.Sort(ids)
	return ids
}

// fill stores copies of the pattern.
func (p *population) fill(b *testing.B, path string, pattern store.Doc, size int) {
	b.Helper()
	p.ids = platformIDs(size)
	d, err := sqlitestore.Open(b.Context(), path)
	require.NoError(b, err)
	defer d.Close()
	const together = 2000
	for from := 0; from < size; from += together {
		var docs []store.Doc
		for _, id := range p.ids[from:min(from+together, size)] {
			docs = append(docs, likeness(pattern, id, p.tenantOf(id)))
		}
		require.NoError(b, d.Load(b.Context(), "instances", docs))
	}
	require.NoError(b, d.Folded(b.Context()))
}

// tenantOf is one of as many tenants as there are hundreds of instances.
func (p *population) tenantOf(id string) string {
	n, _ := strconv.ParseUint(id[:8], 16, 64)
	return fmt.Sprintf("organization-%06d", n%uint64(max(1, len(p.ids)/perTenant)))
}

func likeness(of store.Doc, id, tenant string) store.Doc {
	body := strings.NewReplacer(patternID, id, `"`+patternTenant+`"`, `"`+tenant+`"`).Replace(string(of.Body))
	keys := map[string]string{}
	for k, v := range of.Keys {
		if v == patternTenant {
			v = tenant
		}
		keys[k] = v
	}
	return store.Doc{ID: id, Revision: of.Revision, Keys: keys, Body: []byte(body)}
}

func sizeOf(b *testing.B, path string) int64 {
	b.Helper()
	info, err := os.Stat(path)
	require.NoError(b, err)
	return info.Size()
}

// begin starts the broker and takes the time until it is ready.
func (p *population) begin() time.Duration {
	p.t.Helper()
	began := time.Now()
	p.start()
	for {
		if r, err := http.Get(p.any() + "/readyz"); err == nil {
			r.Body.Close()
			if r.StatusCode == 200 {
				return time.Since(began)
			}
		}
	}
}

// compare is how much longer a request takes the second. While one is asked the other
// stands still; they take turns, because the machine may have other things to do.
func compare(few, all *population, kind string) float64 {
	var took [2][]time.Duration
	for range 10 {
		for n, p := range []*population{few, all} {
			other := []*population{all, few}[n]
			other.signal(syscall.SIGSTOP)
			for range 15 {
				took[n] = append(took[n], p.ask(kind))
			}
			other.signal(syscall.SIGCONT)
		}
	}
	median := func(n int) float64 {
		slices.Sort(took[n])
		return took[n][len(took[n])/2].Seconds()
	}
	all.t.Logf("%s: %.2f ms and %.2f ms", kind, 1000*median(0), 1000*median(1))
	return median(1) / median(0)
}

func (p *population) signal(s os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.live[0].cmd.Process.Signal(s))
}

// ask makes a request of a kind about any instance and takes its time.
func (p *population) ask(kind string) time.Duration {
	p.t.Helper()
	id := p.ids[rand.N(len(p.ids))]
	path, user, password := "", "root", "root-password"
	switch kind {
	case "point":
		path = "/v1/instances/" + id
	case "osb":
		path, user, password = "/v2/service_instances/"+id, "cf", "cf-password"
	case "first":
		path = "/v1/instances?limit=100"
	case "middle":
		path = "/v1/instances?limit=100&after=" + p.ids[len(p.ids)/2]
	case "tenant":
		path = "/v1/instances?limit=100&tenant=" + p.tenantOf(id)
	case "health":
		path = "/v1/health?limit=100"
	}
	r, err := http.NewRequestWithContext(p.t.Context(), "GET", p.any()+path, nil)
	require.NoError(p.t, err)
	r.SetBasicAuth(user, password)
	r.Header.Set("X-Broker-API-Version", "2.17")
	began := time.Now()
	answer, err := http.DefaultClient.Do(r)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	var body map[string]any
	require.NoError(p.t, json.NewDecoder(answer.Body).Decode(&body))
	took := time.Since(began)
	require.Equal(p.t, 200, answer.StatusCode, "%v", body)
	return took
}

// round waits for the end of a round of probes and gives the time that it took.
func (p *population) round() time.Duration {
	p.t.Helper()
	for {
		if p.metric("bumpwire_monitor_rounds_total") > 0 {
			return time.Duration(p.metric("bumpwire_monitor_round_seconds") * float64(time.Second))
		}
		time.Sleep(time.Second)
	}
}

func (p *population) metric(name string) float64 {
	p.t.Helper()
	r, err := http.Get(p.any() + "/metrics")
	require.NoError(p.t, err)
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			require.NoError(p.t, err)
			return v
		}
	}
	p.t.Fatal("there is no metric " + name)
	return 0
}

// memory is a field of the process's status, in MiB.
func (p *population) memory(field string) float64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.live[0].cmd.Process.Pid))
	require.NoError(p.t, err)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			require.NoError(p.t, err)
			return kib / 1024
		}
	}
	p.t.Fatal("the process has no " + field)
	return 0
}
