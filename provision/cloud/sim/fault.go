package sim

import (
	"slices"
	"sync"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The verbs of calls that are not steps of a plan.
const (
	Observe   topology.Verb = "observe"
	Dial      topology.Verb = "dial"
	Probe     topology.Verb = "probe"
	Counters  topology.Verb = "counters"
	Resources topology.Verb = "resources"
)

// Call is one call of the cloud.
type Call struct {
	Verb   topology.Verb     // of the step, or Observe, Dial, Probe, Counters, Resources
	Tenant topology.TenantID // empty for Resources
	Step   topology.Step     // zero for other calls
	Err    error             // what the caller was told
}

// When says on which side of a call's effect a fault strikes.
type When int

const (
	BeforeEffect When = iota // nothing has happened
	AfterEffect              // it has happened, but the caller is told otherwise: a lost answer
)

// Fault makes calls fail.
type Fault struct {
	Verb  topology.Verb   // of the calls meant; empty: any
	Match func(Call) bool // further condition; nil: none
	Nth   int             // the first of the calls meant to fail, from 1; 0 is 1
	Times int             // how many fail from there on; 0 is 1, negative is all
	When  When
	Err   error  // what the caller is told; nil: Unavailable
	Then  func() // runs as the fault strikes, to stop a caller right there; may be nil
}

// struck is a fault with its count of calls meant so far.
type struck struct {
	Fault
	seen int
}

// meets counts a call and says whether it fails.
func (f *struck) meets(k Call) bool {
	if f.Verb != "" && f.Verb != k.Verb || f.Match != nil && !f.Match(k) {
		return false
	}
	f.seen++
	first, times := max(f.Nth, 1), f.Times
	if times == 0 {
		times = 1
	}
	return f.seen >= first && (times < 0 || f.seen < first+times)
}

// land is what the caller is told.
func (f *struck) land() error {
	if f.Then != nil {
		f.Then()
	}
	if f.Err != nil {
		return f.Err
	}
	return fault.New(fault.Unavailable, "the simulated cloud was told to fail here")
}

func newFaults(list []Fault) []*struck {
	var all []*struck
	for _, f := range list {
		all = append(all, &struck{Fault: f})
	}
	return all
}

// journal is the log of calls and the plan of faults.
type journal struct {
	mu     sync.Mutex // guards all below
	calls  []Call
	counts map[topology.Verb]int
	faults []*struck
	keep   int
}

// enter finds the fault that a call is to meet, if any. Every fault counts the
// call; the first that applies strikes.
func (j *journal) enter(k Call) *struck {
	j.mu.Lock()
	defer j.mu.Unlock()
	var hit *struck
	for _, f := range j.faults {
		if f.meets(k) && hit == nil {
			hit = f
		}
	}
	return hit
}

func (j *journal) leave(k Call, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.counts == nil {
		j.counts = map[topology.Verb]int{}
	}
	j.counts[k.Verb]++
	k.Err = err
	if len(j.calls) >= 2*j.keep {
		j.calls = slices.Clone(j.calls[len(j.calls)-j.keep:])
	}
	j.calls = append(j.calls, k)
}

// Inject adds a fault; its count starts now.
func (c *Cloud) Inject(f Fault) {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.journal.faults = append(c.journal.faults, &struck{Fault: f})
}

// Heal forgets all faults.
func (c *Cloud) Heal() {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.journal.faults = nil
}

// Calls are the latest calls in the order of their ends, at least as many as
// Options.KeepCalls says, if there were so many.
func (c *Cloud) Calls() []Call {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	return slices.Clone(c.journal.calls)
}

// Count is how many calls of a verb there were, failed ones included.
func (c *Cloud) Count(v topology.Verb) int {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	return c.journal.counts[v]
}
