package topology_test

import (
	"container/heap"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// scene is a state on the way: where the ports are, which appliances there are, and
// which of their ways have been plugged in at both ends once, so that it could be
// waited for them.
type scene struct {
	at    [40]int8
	there uint16
	ready uint32
}

// least is the smallest number of moves that leads through a model without a loop,
// two networks joined, or traffic past a service that it passes before and after:
// without any traffic stopping on the way, or where there is no such, with. Where
// more scenes than so many would have to be looked at, it is one for each port that
// is plugged in elsewhere: there cannot be less.
func (m *model) least(scenes int) (moves int, searched bool) {
	for _, stops := range []bool{false, true} {
		moves, looked := m.search(scenes, stops)
		if moves >= 0 {
			return moves, true
		}
		if looked > scenes {
			break
		}
	}
	return m.misplaced(m.begin()), false
}

func (m *model) begin() scene {
	var s scene
	for i, p := range m.ports {
		s.at[i] = int8(p.have)
	}
	for i, k := range m.machines {
		if k.have {
			s.there |= 1 << i
		}
	}
	return s
}

// search is A*: each port that is not in its place yet takes a move at least. It
// answers how many moves, or -1, and how many scenes it looked at.
func (m *model) search(scenes int, stops bool) (moves, looked int) {
	j := newJudge(m, stops)
	from := m.begin()
	j.prove(&from)
	best := map[scene]int{from: 0}
	open := &queue{{from, 0, m.misplaced(from)}}
	for open.Len() > 0 && len(best) <= scenes {
		next := heap.Pop(open).(entry)
		if next.moves > best[next.scene] {
			continue
		}
		if m.arrived(next.scene) {
			return next.moves, len(best)
		}
		m.each(next.scene, func(s scene, cost int) {
			moves := next.moves + cost
			if known, ok := best[s]; ok && known <= moves || !j.admits(next.scene, s) {
				return
			}
			j.prove(&s)
			if known, ok := best[s]; ok && known <= moves {
				return
			}
			best[s] = moves
			heap.Push(open, entry{s, moves, moves + m.misplaced(s)})
		})
	}
	return -1, len(best)
}

// each shows the scenes that one step leads to, or the making or removing of one
// appliance.
func (m *model) each(s scene, show func(scene, int)) {
	for i, p := range m.ports {
		if p.machine >= 0 && s.there&(1<<p.machine) == 0 {
			continue
		}
		for to := range m.tenant {
			if next := s; int(s.at[i]) != to {
				next.at[i] = int8(to)
				show(next, 1)
			}
		}
	}
	for i, k := range m.machines {
		switch there := s.there&(1<<i) != 0; {
		case there && !k.want:
			next := s
			next.there &^= 1 << i
			for j, p := range m.ports {
				if p.machine == i {
					next.at[j] = 0
				}
			}
			show(next, 0)
		case !there && k.want:
			m.born(s, i, 0, show)
		}
	}
}

// born shows an appliance plugged in in all ways, or not at all.
func (m *model) born(s scene, machine, from int, show func(scene, int)) {
	for i := from; i < len(m.ports); i++ {
		if m.ports[i].machine != machine {
			continue
		}
		for to := range m.tenant {
			s.at[i] = int8(to)
			m.born(s, machine, i+1, show)
		}
		return
	}
	s.there |= 1 << machine
	show(s, 0)
}

func (m *model) misplaced(s scene) int {
	n := 0
	for i, p := range m.ports {
		stays := p.machine < 0 || s.there&(1<<p.machine) != 0 && m.machines[p.machine].want
		if stays && int(s.at[i]) != p.want {
			n++
		}
	}
	return n
}

func (m *model) arrived(s scene) bool {
	for i, k := range m.machines {
		if k.want != (s.there&(1<<i) != 0) {
			return false
		}
	}
	return m.misplaced(s) == 0
}

func (w way) out(s *scene) int {
	if w.apart && (w.own < 0 || s.at[w.own] == 0) {
		return w.first
	}
	return w.own
}

// judge says which scenes are safe.
type judge struct {
	m     *model
	stops bool
	must  map[int][]topology.InstanceID // by port: whom traffic passes before and after
	from  map[int]uint32                // by port: the ways that traffic passes before
	may   map[int]uint32                // by port: the ways that it passes before or after; a way is for no others' traffic
}

func newJudge(m *model, stops bool) *judge {
	j := &judge{m, stops, map[int][]topology.InstanceID{}, map[int]uint32{}, map[int]uint32{}}
	from, to := m.begin(), j.end()
	for i, p := range m.ports {
		if p.machine >= 0 {
			continue
		}
		before, was, _ := j.route(&from, i)
		after, will, _ := j.route(&to, i)
		j.from[i], j.may[i] = was, was|will
		for _, id := range before {
			if slices.Contains(after, id) {
				j.must[i] = append(j.must[i], id)
			}
		}
	}
	return j
}

// end is the scene that is wanted.
func (j *judge) end() scene {
	var s scene
	for i, p := range j.m.ports {
		s.at[i] = int8(p.want)
	}
	for i, k := range j.m.machines {
		if k.want {
			s.there |= 1 << i
		}
	}
	return s
}

// admits says whether a scene is safe after another one.
func (j *judge) admits(was, is scene) bool {
	for n := range j.m.tenant {
		if n > 0 && !j.tree(&is, n) {
			return false
		}
	}
	for i, p := range j.m.ports {
		if p.machine >= 0 {
			continue
		}
		_, old, before := j.route(&was, i)
		passed, bits, now := j.route(&is, i)
		switch {
		case is.there&^was.there != 0 && (!before || !now || old != j.from[i] || bits != j.from[i]):
			return false // what is made is booted while all traffic goes the way it went
		case is.there != was.there && !(before && now):
			return false // nothing is shut down while traffic stops, as that takes long
		case !now && !j.stops:
			return false
		case !now:
			continue
		case bits&^was.ready != 0 || bits&^j.may[i] != 0:
			return false
		}
		for _, id := range j.must[i] {
			if !slices.Contains(passed, id) {
				return false
			}
		}
	}
	return true
}

// prove notes the ways that can be waited for: while no traffic stops, as that takes
// long, too.
func (j *judge) prove(s *scene) {
	for i, p := range j.m.ports {
		if _, _, open := j.route(s, i); p.machine < 0 && !open {
			return
		}
	}
	bit := 0
	for i, k := range j.m.machines {
		for _, w := range k.ways {
			if out := w.out(s); s.there&(1<<i) != 0 && s.at[w.in] != 0 && out >= 0 && s.at[out] != 0 {
				s.ready |= 1 << bit
			}
			bit++
		}
	}
}

// hop is how frames get to a network.
type hop struct{ at, from, machine, bit int }

// tree says whether no frame from a network goes round or reaches a tenant's.
func (j *judge) tree(s *scene, from int) bool {
	hops, ok := j.flood(s, from)
	if !ok {
		return false
	}
	for _, h := range hops[1:] {
		if j.m.tenant[from] && j.m.tenant[h.at] {
			return false
		}
	}
	return true
}

func (j *judge) flood(s *scene, from int) ([]hop, bool) {
	hops := append(make([]hop, 0, 8), hop{from, 0, -1, -1})
	for i := 0; i < len(hops); i++ {
		bit := -1
		for k, machine := range j.m.machines {
			for _, w := range machine.ways {
				bit++
				out := w.out(s)
				if s.there&(1<<k) == 0 || out < 0 || i > 0 && hops[i].bit == bit {
					continue
				}
				here := int8(hops[i].at)
				to := int8(0)
				if s.at[w.in] == here {
					to = s.at[out]
				} else if s.at[out] == here && !w.apart {
					to = s.at[w.in]
				}
				if to == 0 {
					continue
				}
				if slices.ContainsFunc(hops, func(h hop) bool { return h.at == int(to) }) {
					return hops, false
				}
				hops = append(hops, hop{int(to), i, k, bit})
			}
		}
	}
	return hops, true
}

// route is whom traffic of a gateway's port passes and by which ways, and whether it
// gets there.
func (j *judge) route(s *scene, port int) (passed []topology.InstanceID, bits uint32, open bool) {
	hops, _ := j.flood(s, j.m.ports[port].home)
	i := slices.IndexFunc(hops, func(h hop) bool { return h.at == int(s.at[port]) })
	for at := i; at > 0; at = hops[at].from {
		passed = append(passed, j.m.machines[hops[at].machine].instance)
		bits |= 1 << hops[at].bit
	}
	return passed, bits, i >= 0
}

type entry struct {
	scene scene
	moves int
	whole int // moves at least, to the end
}

type queue []entry

func (q queue) Len() int           { return len(q) }
func (q queue) Less(a, b int) bool { return q[a].whole < q[b].whole }
func (q queue) Swap(a, b int)      { q[a], q[b] = q[b], q[a] }
func (q *queue) Push(e any)        { *q = append(*q, e.(entry)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}
