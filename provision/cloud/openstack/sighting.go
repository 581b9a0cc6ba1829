package openstack

import (
	"context"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A step looks at what there is before it does anything, and Steady looks at what has
// come of it afterwards. Steps of a plan follow each other at once: what the one look
// has seen is what the other one would see.

// sightMost is how old a look may be. Longer ago, or with a step begun meanwhile, it is
// of no use.
const sightMost = 2 * time.Second

// sightings are what was seen after steps, each for the step that follows.
type sightings struct {
	mu    sync.Mutex
	steps map[topology.TenantID]int // that have begun
	after map[topology.TenantID]sighting
}

type sighting struct {
	view *view
	at   time.Time // when the look began
}

// begun notes that a step begins, and gives it what was seen after the one before; nil
// when it has to look itself. What is given once is not given again.
func (s *sightings) begun(tenant topology.TenantID) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.steps == nil {
		s.steps, s.after = map[topology.TenantID]int{}, map[topology.TenantID]sighting{}
	}
	s.steps[tenant]++
	seen := s.after[tenant]
	delete(s.after, tenant)
	if time.Since(seen.at) > sightMost {
		return nil
	}
	return seen.view
}

// forget drops what was seen: a plan that is made now goes by what is now, for between this
// process's last step and its next one another broker may have been at work.
func (s *sightings) forget(tenant topology.TenantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.after, tenant)
}

// looking begins a look; what it has seen is kept if no step has begun meanwhile.
func (s *sightings) looking(tenant topology.TenantID) (keep func(*view)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, steps := time.Now(), s.steps[tenant]
	return func(v *view) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for t, seen := range s.after {
			if time.Since(seen.at) > sightMost {
				delete(s.after, t)
			}
		}
		if s.steps[tenant] == steps && steps > 0 {
			s.after[tenant] = sighting{v, at}
		}
	}
}

// watching is a driver that keeps what it observes for the step that follows.
type watching struct{ *Driver }

func (w watching) Observe(ctx context.Context, tenant topology.TenantID) (topology.Fabric, error) {
	keep := w.seen.looking(tenant)
	v, f, err := w.observe(ctx, tenant)
	if err == nil {
		keep(v)
	}
	return f, err
}
