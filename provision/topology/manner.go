package topology

import (
	"cmp"
	"slices"
)

// A planner that never looks back takes the first harmless step that it sees. Mostly
// there is nothing better. Where a port took a detour or traffic had to be cut,
// others are tried: some networks' ports the straight way, as a detour was in vain
// if traffic is cut after all, and things taken from the last to the first, as of
// two legs that cannot both be plugged in early, the other one may be the better.
// Legs step aside only where traffic is interrupted otherwise.

// manner is how a planner chooses among what is harmless.
type manner struct {
	straight  map[NetworkID]bool // whose ports take no detours
	backwards bool               // from the last to the first
	yields    bool               // legs step aside
}

// otherManners are those to be tried after a plan.
func (p *planner) otherManners() []manner {
	if len(p.detoured)+len(p.stopped) == 0 {
		return nil
	}
	others := []manner{{straight: p.stopped}, {backwards: true}, {straight: p.stopped, backwards: true}}
	if len(p.lost) > 0 {
		others = append(others, manner{yields: true}, manner{yields: true, backwards: true})
	}
	return others
}

// betters says whether a plan interrupts fewer networks than another, or as many, cuts
// no traffic but what the other one cuts too, and less of it or with fewer steps.
func (p *planner) betters(o *planner) bool {
	if len(p.lost) != len(o.lost) {
		return len(p.lost) < len(o.lost)
	}
	for n := range p.stopped {
		if !o.stopped[n] {
			return false
		}
	}
	return cmp.Or(cmp.Compare(len(p.stopped), len(o.stopped)), cmp.Compare(len(p.steps), len(o.steps))) < 0
}

func inTurn[T any](list []T, backwards bool) []T {
	if backwards {
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	return list
}

func (c *change) anyOf(nets map[NetworkID]bool) bool {
	return slices.ContainsFunc(c.nets, func(n NetworkID) bool { return nets[n] })
}

func (c *change) mark(nets map[NetworkID]bool) {
	for _, n := range c.nets {
		nets[n] = true
	}
}
