// Package sim is a complete cloud in memory. It refuses impossible calls, can
// fail before or after any effect, and knows which way a packet takes. It serves
// tests, planning offline and machines that are not Linux.
//
// A tenant's state is a topology.Fabric that only topology.Apply changes, so
// what the planner thinks a step does and what this cloud does are the same by
// construction. After every effect the fabric is checked; Violations lists what
// was found, and a test over this cloud ends by requiring it to be empty.
//
// With Options.Path the state lives in a file that several processes may share
// and that outlives them.
package sim

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Options say how the cloud behaves. The zero value is a cloud without delays
// or failures whose state dies with the process.
type Options struct {
	// Path of the JSON file that holds the state; empty: memory only. Beside it
	// a file of the same name with .lock keeps processes apart.
	Path string

	Latency    time.Duration // every call takes this long before it has an effect
	BootTime   time.Duration // from a boot until the appliance forwards and answers
	BootAwaits int           // that many awaits after a boot find it not forwarding yet, whatever the time

	Lag int // that many observations after an effect show what was before it

	Faults    []Fault // as if given to Inject
	KeepCalls int     // how many of the latest calls Calls remembers; 0: 10,000
}

// Cloud is the simulated cloud.
type Cloud struct {
	options Options
	journal journal
	watch   watch
	lag     lag
	health  http.Server // serves the appliances' management addresses

	mu    sync.Mutex // guards world
	world world
	file  *lockedfile.Mutex // nil: memory only
}

var _ cloud.Testbed = (*Cloud)(nil)

// New makes a cloud. It starts nothing; Close ends the connections that Dial made.
func New(o Options) *Cloud {
	if o.KeepCalls == 0 {
		o.KeepCalls = 10_000
	}
	c := &Cloud{options: o, world: newWorld()}
	c.journal.keep = o.KeepCalls
	c.journal.faults = newFaults(o.Faults)
	c.health.Handler = http.HandlerFunc(c.serve)
	c.health.ConnContext = withAppliance
	if o.Path != "" {
		c.file = lockedfile.MutexAt(o.Path + ".lock")
	}
	return c
}

// Name is "sim".
func (c *Cloud) Name() string { return "sim" }

// Interruption is none.
func (c *Cloud) Interruption() time.Duration { return 0 }

// Check finds a problem only when there is a state file that cannot be used.
func (c *Cloud) Check(context.Context) []cloud.Problem {
	if err := c.change(func(*world) error { return nil }); err != nil {
		return []cloud.Problem{{
			What:   err.Error(),
			Remedy: "give a path in a folder that this user may write to, or remove the damaged file",
		}}
	}
	return nil
}

// Close ends the connections that Dial made. What runs in the cloud goes on
// running: with a state file for the next process, without one for later calls.
func (c *Cloud) Close() error { return c.health.Close() }

// call does what every call has in common: it is logged, takes its time, and
// fails if a fault says so, before or after its effect.
func (c *Cloud) call(ctx context.Context, k Call, effect func() error) (err error) {
	strike := c.journal.enter(k)
	defer func() { c.journal.leave(k, err) }()
	if err := pause(ctx, c.options.Latency); err != nil {
		return err
	}
	if strike != nil && strike.When == BeforeEffect {
		return strike.land()
	}
	if err := effect(); err != nil {
		return err
	}
	if strike != nil {
		return strike.land()
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stepCall is the log's entry for a step.
func stepCall(tenant topology.TenantID, s topology.Step) Call {
	return Call{Verb: s.Verb, Tenant: tenant, Step: s}
}
