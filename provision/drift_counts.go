package provision

import (
	"maps"
	"sync"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// DriftCounts are how often something was found since the start of this process.
type DriftCounts struct {
	Checks      map[string]int                  // of a tenant by the schedule: agrees, differs, busy, error
	Differences map[topology.DifferenceKind]int // when they were news
	Repairs     map[string]int                  // repaired, failed
}

// DriftCounts is a copy of the counters as they stand.
func (s *Service) DriftCounts() DriftCounts {
	s.driftCounts.mu.Lock()
	defer s.driftCounts.mu.Unlock()
	c := s.driftCounts.DriftCounts
	return DriftCounts{Checks: maps.Clone(c.Checks), Differences: maps.Clone(c.Differences), Repairs: maps.Clone(c.Repairs)}
}

type driftCounts struct {
	mu sync.Mutex
	DriftCounts
}

func newDriftCounts() *driftCounts {
	return &driftCounts{DriftCounts: DriftCounts{Checks: map[string]int{}, Differences: map[topology.DifferenceKind]int{}, Repairs: map[string]int{}}}
}

func (c *driftCounts) count(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *driftCounts) check(result string) { c.count(func() { c.Checks[result]++ }) }

func (c *driftCounts) repair(result string) { c.count(func() { c.Repairs[result]++ }) }

func (c *driftCounts) difference(k topology.DifferenceKind) { c.count(func() { c.Differences[k]++ }) }
