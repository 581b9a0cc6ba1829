// Package monitor watches appliances from outside: it has the cloud look whether
// each one's machine runs and whether frames pass through both its legs, asks its
// health endpoint on the management network if it has one, and keeps a verdict. What
// follows from that (traffic gets past a service, another appliance takes over, one is
// booted anew) is decided by package provision.
//
// A machine that does not run is dead. One missed answer of another is no verdict yet;
// Config.Failures in a row are. When most of many appliances are missed at once, it is
// taken for trouble of this broker, and none of them is found dead by that.
package monitor

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Monitor probes the active instances of a provision.Service.
type Monitor struct {
	provision *provision.Service
	log       *slog.Logger
	config    Config

	mu    sync.Mutex
	files map[member]*file
}

// member is one start of one appliance.
type member struct {
	appliance topology.ApplianceID // no two instances have the same
	start     int
}

// file is what is known of one.
type file struct {
	since    time.Time // first looked at
	missed   int       // probes without an answer, in a row
	answered bool      // its health endpoint has, at least once
}

// Config sets the pace; zero values mean the defaults.
type Config struct {
	Every    time.Duration // between two rounds of probes; 1 s
	Timeout  time.Duration // of one probe; 2 s
	Failures int           // probes in a row that make an appliance failing; 3
	Parallel int           // probes at the same time; 16
	Patience time.Duration // for a health endpoint that has not answered yet since the boot; 2 min
}

// New makes a monitor.
func New(p *provision.Service, log *slog.Logger, c Config) *Monitor {
	if c.Every <= 0 {
		c.Every = time.Second
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Failures <= 0 {
		c.Failures = 3
	}
	if c.Parallel <= 0 {
		c.Parallel = 16
	}
	if c.Patience <= 0 {
		c.Patience = 2 * time.Minute
	}
	return &Monitor{provision: p, log: log, config: c, files: map[member]*file{}}
}

// Run probes in rounds until ctx ends. When there is so much that a round takes long,
// it rests longer.
func (m *Monitor) Run(ctx context.Context) error {
	for {
		began := time.Now()
		if err := m.Round(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("cannot probe the appliances", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(m.config.Every-time.Since(began), time.Since(began))):
		}
	}
}

// Round probes every active instance once and records the verdicts.
func (m *Monitor) Round(ctx context.Context) error {
	active, err := m.provision.Instances(ctx, provision.Filter{State: provision.Active})
	if err != nil {
		return err
	}
	rounds := make([]round, len(active))
	var wg sync.WaitGroup
	slots := make(chan struct{}, m.config.Parallel)
	for n, i := range active {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			rounds[n] = m.look(ctx, i)
			if ctx.Err() == nil && rounds[n].suspects == 0 {
				m.record(ctx, rounds[n])
			}
		})
	}
	wg.Wait()
	if ctx.Err() == nil {
		m.accuse(ctx, rounds)
		m.forget(rounds)
	}
	return nil
}

// round is what was seen of one instance.
type round struct {
	instance provision.Instance
	verdict  provision.Verdict
	looked   []member
	suspects int // appliances that run, were well, and are found dead
}

// many appliances must be there for most of them to be suspicious.
const many = 8

// accuse records the verdicts on those who run and do not answer, unless there are so
// many at once that it is more likely this broker who cannot see.
func (m *Monitor) accuse(ctx context.Context, rounds []round) {
	looked, suspects := 0, 0
	for _, r := range rounds {
		looked, suspects = looked+len(r.looked), suspects+r.suspects
	}
	if looked >= many && 2*suspects > looked {
		m.log.Error("most appliances seem to have failed at once: no verdict", "appliances", looked, "failed", suspects)
		return
	}
	for _, r := range rounds {
		if r.suspects > 0 {
			m.record(ctx, r)
		}
	}
}

func (m *Monitor) record(ctx context.Context, r round) {
	if err := m.provision.Record(ctx, r.instance, r.verdict); err != nil && ctx.Err() == nil {
		m.log.Error("cannot record the health of an instance", "instance", r.instance.ID, "error", err)
	}
}

// look probes all appliances of an instance at the same time.
func (m *Monitor) look(ctx context.Context, i provision.Instance) round {
	r := round{instance: i, verdict: provision.Verdict{Generation: i.Generation, Members: map[int]provision.Finding{}}}
	addresses := i.Appliances()
	seen := make([]sight, len(addresses))
	var wg sync.WaitGroup
	for n, address := range addresses {
		wg.Go(func() { seen[n] = m.probe(ctx, i, n, address.Addr()) })
	}
	wg.Wait()
	for n, s := range seen {
		of := member{i.Appliance(n), i.Start(n)}
		r.looked = append(r.looked, of)
		f, known := m.judge(of, s)
		if !known {
			continue
		}
		r.verdict.Members[n] = f
		if !f.Alive && !s.dead && !i.Down(n) {
			r.suspects++
		}
	}
	return r
}

// sight is what one probe of an appliance saw.
type sight struct {
	blind    bool   // nothing: the cloud does not answer, or the machine is another
	dead     bool   // the machine does not run
	stuck    string // no frame passes
	unwell   string // the health endpoint does not answer well
	answered bool   // there is a health endpoint, and it does
}

// probe looks at one appliance.
func (m *Monitor) probe(ctx context.Context, i provision.Instance, n int, at netip.Addr) (s sight) {
	ctx, cancel := context.WithTimeout(ctx, m.config.Timeout)
	defer cancel()
	switch pulse, err := m.provision.Probe(ctx, i, n); {
	case err != nil:
		m.log.Debug("cannot look at an appliance", "appliance", i.Appliance(n), "error", err)
		return sight{blind: true}
	case !pulse.Running:
		return sight{dead: true}
	case pulse.Start != i.Start(n):
		return sight{blind: true} // it is being booted anew
	case i.Insertion.Probe != "none":
		s.stuck = pulse.Stuck
	}
	if i.Insertion.Health != nil && at.IsValid() {
		s.unwell = m.ask(ctx, i, at)
		s.answered = s.unwell == ""
	}
	return s
}

// judge counts the missed probes; known is false while there are too few.
func (m *Monitor) judge(of member, s sight) (f provision.Finding, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files[of] == nil {
		m.files[of] = &file{since: time.Now()}
	}
	at := m.files[of]
	f.Start, at.answered = of.start, at.answered || s.answered
	switch coming := s.unwell != "" && !at.answered && time.Since(at.since) < m.config.Patience; {
	case s.blind:
		return f, false
	case s.dead:
		f.Detail = "its machine does not run"
		return f, true
	case s.stuck == "" && s.unwell == "":
		at.missed, f.Alive = 0, true
		return f, true
	case s.stuck == "" && coming:
		return f, false
	}
	f.Detail = s.stuck
	if f.Detail == "" {
		f.Detail = s.unwell
	}
	at.missed++
	return f, at.missed >= m.config.Failures
}

// forget drops what is known of appliances that are not looked at any more.
func (m *Monitor) forget(rounds []round) {
	keep := map[member]bool{}
	for _, r := range rounds {
		for _, of := range r.looked {
			keep[of] = true
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for of := range m.files {
		if !keep[of] {
			delete(m.files, of)
		}
	}
}

// ask is empty when the appliance answers its health endpoint with a 2xx status,
// and otherwise says what is wrong. An appliance's own words are not repeated:
// they are untrusted.
func (m *Monitor) ask(ctx context.Context, i provision.Instance, at netip.Addr) string {
	h := i.Insertion.Health
	to := netip.AddrPortFrom(at, uint16(h.Port))
	conn, err := m.provision.DialManagement(ctx, i.Tenant, to)
	if err != nil {
		return fmt.Sprintf("port %d on the management address does not answer", h.Port)
	}
	defer conn.Close()
	if h.Protocol != "http" {
		return ""
	}
	return get(ctx, conn, to, h.Path)
}

func get(ctx context.Context, conn net.Conn, to netip.AddrPort, path string) string {
	one := http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true}
	defer one.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+path, nil)
	if err != nil {
		return "the package names an impossible health path"
	}
	resp, err := one.RoundTrip(req)
	if err != nil {
		return "the health endpoint gives no answer"
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status is the verdict, the body only has to end
	if resp.StatusCode/100 != 2 {
		return "the health endpoint answers with status " + strconv.Itoa(resp.StatusCode)
	}
	return ""
}
