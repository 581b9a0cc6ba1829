package sim

import (
	"fmt"
	"slices"
	"sync"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// watch keeps what was wrong with a fabric after a step and was not before it.
type watch struct {
	mu    sync.Mutex // guards found
	found []string
}

// enough violations to tell what went wrong; the rest is told by their number.
const enough = 100

func (w *watch) look(s topology.Step, before, after topology.Fabric) {
	bad := topology.Check(after)
	if len(bad) == 0 {
		return
	}
	known := topology.Check(before)
	for _, v := range bad {
		if !slices.Contains(known, v) && !swaps(s, v) {
			w.note(fmt.Sprintf("tenant %q, after %q: %s", after.Tenant, s.String(), v))
		}
	}
}

// swaps says whether a network is cut off by its own swap, which a plan may do.
func swaps(s topology.Step, v topology.Violation) bool {
	return s.Verb == topology.Move && v.Fault == topology.Unreachable && slices.Contains(s.Serves, v.Network)
}

func (w *watch) note(sentence string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.found) < enough {
		w.found = append(w.found, sentence)
	}
}

// Violations are the loops, joints, cut-offs and other faults of topology.Check
// that steps brought about, one sentence each, the first hundred. What tests did
// themselves by KillAppliance, HangAppliance or Drift is not among them.
func (c *Cloud) Violations() []string {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	return slices.Clone(c.watch.found)
}
