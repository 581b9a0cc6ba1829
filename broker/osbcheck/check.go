package osbcheck

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// goodbye is how long removing what a run made may take after it was interrupted.
const goodbye = 30 * time.Second

// check is one run against one broker. Its lazy facts are found out by the first
// row that needs them.
type check struct {
	o        Options
	http     *http.Client
	identity string // header value of the originating identity

	probes    *trial // makes what all rows share
	offer     func() offer
	instances func() mode
	bindings  func() mode
	updates   func() mode
	turn      atomic.Int64 // of the organizations
	shared    sync.Mutex   // held by a row that binds to the shared instance

	mu       sync.Mutex
	leftover []string // what could not be removed
}

// Run tries every row that was asked for and removes what it made. Its error says
// that the options are wrong (Invalid), or that nobody answers or knows the
// credentials; what the broker does wrong is in the report. When ctx
// ends, rows not done are blocked and what was made is still removed.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.complete(); err != nil {
		return Report{}, err
	}
	c := newCheck(ctx, o)
	if err := c.knock(ctx); err != nil {
		return Report{}, err
	}
	results := c.runAll(ctx)
	report := Report{URL: o.URL, Version: c.version(), Results: results, Summary: summarize(results)}
	c.probes.leave(ctx)
	report.Leftover = c.leftover
	report.Service, report.Plan = c.offer().names()
	return report, nil
}

func newCheck(ctx context.Context, o Options) *check {
	c := &check{o: o, http: o.HTTP, identity: originating(o.Platform, o.Identity)}
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableCompression = true
		c.http = &http.Client{Timeout: time.Minute, Transport: transport}
	}
	c.probes = &trial{c: c, ctx: ctx, row: Row{ID: "probe", Strength: Must}}
	c.offer = sync.OnceValue(c.findOffer)
	c.instances = sync.OnceValue(c.probeInstances)
	c.bindings = sync.OnceValue(c.probeBindings)
	c.updates = sync.OnceValue(c.probeUpdates)
	return c
}

// knock saves the user of a wrong address or password a long report.
func (c *check) knock(ctx context.Context) error {
	r, err := c.send(ctx, catalogWith("Accept", "application/json"))
	if err != nil {
		return fault.New(fault.Unavailable, "cannot reach the broker: %w", err)
	}
	if r.Status == http.StatusUnauthorized {
		return fault.New(fault.Unauthorized, "the broker at %s does not accept the credentials", c.o.URL)
	}
	return nil
}

// version is what is sent as X-Broker-API-Version.
func (c *check) version() string { return "2." + strconv.Itoa(c.o.minor()) }

// runAll tries the rows with so many workers and gives the results in the order of
// the table.
func (c *check) runAll(ctx context.Context) []Result {
	var rows []Row
	for _, r := range Rows() {
		if c.o.wants(r.ID) {
			rows = append(rows, r)
		}
	}
	results := make([]Result, len(rows))
	next := make(chan int)
	var workers sync.WaitGroup
	var seen sync.Mutex
	for range c.o.Workers {
		workers.Go(func() {
			for n := range next {
				results[n] = c.try(ctx, rows[n])
				if c.o.Seen != nil {
					seen.Lock()
					c.o.Seen(results[n])
					seen.Unlock()
				}
			}
		})
	}
	for n := range rows {
		next <- n
	}
	close(next)
	workers.Wait()
	return results
}

// try runs one row and removes what it made.
func (c *check) try(ctx context.Context, row Row) Result {
	began := time.Now()
	t := &trial{c: c, ctx: ctx, row: row}
	verdict, reason := t.judge()
	t.leave(ctx)
	return Result{Row: row, Verdict: verdict, Reason: reason, Findings: t.findings, Took: time.Since(began)}
}
