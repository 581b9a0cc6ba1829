// Package monitor watches appliances from outside: it has the cloud look whether
// each one's machine runs and whether frames pass through both its legs, asks its
// health endpoint on the management network if it has one, and keeps a verdict. What
// follows from that (traffic gets past a service, another appliance takes over, one is
// booted anew) is decided by package provision.
//
// It goes through the instances page by page and comes round as often as Config.Every
// asks, or as their number allows: it rests at least as long as it works.
//
// A machine that does not run is dead. One missed answer of another is no verdict yet;
// Config.Failures in a row are. When most of many appliances are missed at once, it is
// taken for trouble of this broker, and none of them is found dead by that.
package monitor

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bumpwire/bumpwire/provision"
)

// Monitor probes the active instances of a provision.Service. What it holds does not
// grow with their number, but for a few dozen bytes for each whose health endpoint it
// asks or that missed a probe.
type Monitor struct {
	provision *provision.Service
	log       *slog.Logger
	config    Config
	files     *files

	rounds atomic.Int64 // that have ended
	latest atomic.Int64 // how long the latest took, in nanoseconds
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
	return &Monitor{provision: p, log: log, config: c, files: newFiles()}
}

func (m *Monitor) record(ctx context.Context, r round) {
	if err := m.provision.Record(ctx, r.instance, r.verdict); err != nil && ctx.Err() == nil {
		m.log.Error("cannot record the health of an instance", "instance", r.instance.ID, "error", err)
	}
}

// round is what was seen of one instance.
type round struct {
	instance provision.Instance
	verdict  provision.Verdict
	looked   int // appliances
	suspects int // of those that run, were well, and are found dead
}

// look probes all appliances of an instance at the same time.
func (m *Monitor) look(ctx context.Context, i provision.Instance) round {
	seen := make([]sight, len(i.Appliances()))
	r := round{instance: i, verdict: provision.Verdict{Generation: i.Generation, Members: map[int]provision.Finding{}}, looked: len(seen)}
	var wg sync.WaitGroup
	for n := range seen {
		wg.Go(func() { seen[n] = m.probe(ctx, i, n) })
	}
	wg.Wait()
	for n, s := range seen {
		f, known := m.judge(member{i.Appliance(n), i.Start(n)}, i.Insertion.Health != nil, s)
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
func (m *Monitor) probe(ctx context.Context, i provision.Instance, n int) (s sight) {
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
	if unwell, asked := m.provision.AskHealth(ctx, i, n); asked {
		s.unwell, s.answered = unwell, unwell == ""
	}
	return s
}

// judge counts the missed probes; known is false while there are too few. Of those
// without a health endpoint nothing is kept while they are well.
func (m *Monitor) judge(of member, asked bool, s sight) (f provision.Finding, known bool) {
	m.files.open(of, asked, func(at *file) {
		f.Start, at.answered = of.start, at.answered || s.answered
		switch coming := s.unwell != "" && !at.answered && m.files.age(at) < m.config.Patience; {
		case s.blind:
		case s.dead:
			f.Detail, known = "its machine does not run", true
		case s.stuck == "" && s.unwell == "":
			at.missed, f.Alive, known = 0, true, true
		case s.stuck == "" && coming:
		default:
			f.Detail = cmp.Or(s.stuck, s.unwell)
			at.missed++
			known = int(at.missed) >= m.config.Failures
		}
	})
	return f, known
}
