package topology_test

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

var every = flag.Int("every", 997, "TestPlansAreTheShortest looks at every n-th pair of topologies with three services; 1 for all of them")

// Between any two topologies the plan has as many steps as the shortest safe way.
// Every service covers any of the networks, in any order with the others.
func TestPlansAreTheShortest(t *testing.T) {
	t.Parallel()
	sizes := []catalogue{
		{networks: 1, kinds: []topology.Zones{topology.Bridged, topology.Bridged, topology.Bridged}, idle: true},
		{networks: 2, kinds: []topology.Zones{topology.Bridged, topology.Bridged}, idle: true, replaced: true},
		{networks: 2, kinds: []topology.Zones{topology.Bridged, topology.Isolated}, idle: true, replaced: true},
		{networks: 2, kinds: []topology.Zones{topology.Isolated, topology.Isolated}, idle: true, replaced: true},
	}
	three := func(isolated int) []topology.Zones {
		return append(slices.Repeat([]topology.Zones{topology.Bridged}, 3-isolated), slices.Repeat([]topology.Zones{topology.Isolated}, isolated)...)
	}
	sizes = append(sizes, catalogue{networks: 2, kinds: three(0), idle: true, every: min(*every, 29)}, catalogue{networks: 3, kinds: three(0), every: *every})
	for isolated := 1; isolated <= 3; isolated++ { // these hang together: the search for more networks is too large
		sizes = append(sizes, catalogue{networks: 2, kinds: three(isolated), idle: true, every: min(*every, 7)})
	}
	sizes = append(sizes, catalogue{networks: 3, kinds: three(3), every: min(*every, 7)})
	for _, c := range sizes {
		t.Run(c.String(), func(t *testing.T) {
			begin := time.Now()
			l := ledger{plan: topology.Plan, known: map[string]found{}}
			states := c.states(t)
			pairs := l.check(c, states)
			require.Empty(t, l.wrong)
			t.Logf("%d topologies, %d pairs, %d searches, %d too large; %s", len(states), pairs, len(l.known), l.tooLarge(), time.Since(begin).Round(time.Millisecond))
		})
	}
}

// A planner that takes the first harmless step without ever looking back, and one
// that unplugs what it could move at once, are found out.
func TestALongerPlanIsFoundOut(t *testing.T) {
	t.Parallel()
	c := catalogue{networks: 1, kinds: []topology.Zones{topology.Bridged, topology.Bridged, topology.Bridged}, idle: true}
	for name, wasteful := range map[string]func(have, want topology.Fabric) ([]topology.Step, error){
		"first harmless step": topology.PlanOnce,
		"unplugs first": func(have, want topology.Fabric) ([]topology.Step, error) {
			steps, err := topology.Plan(have, want)
			i := slices.IndexFunc(steps, func(s topology.Step) bool { return s.Verb == topology.Move && s.From != "" && s.To != "" })
			if i < 0 {
				return steps, err
			}
			out, in := steps[i], steps[i]
			out.To, in.From = "", ""
			return slices.Concat(steps[:i], []topology.Step{out, in}, steps[i+1:]), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ledger{plan: wasteful, known: map[string]found{}}
			l.check(c, c.states(t))
			require.NotEmpty(t, l.wrong)
		})
	}
}

// catalogue is a number of networks and the kinds of services that there may be.
type catalogue struct {
	networks int
	kinds    []topology.Zones
	idle     bool // services may be there that no network passes
	replaced bool // with another generation of any of the services
	every    int  // how many pairs there are to one that is looked at; 0 is 1
}

func (c catalogue) String() string {
	isolated := 0
	for _, k := range c.kinds {
		if k == topology.Isolated {
			isolated++
		}
	}
	return fmt.Sprintf("%d networks, %d services, %d of them isolated", c.networks, len(c.kinds), isolated)
}

// state is one topology: on each network the services from the hosts on.
type state struct {
	chains [][]int
	there  int // bits of services
	made   int // bits of services of another generation
	pairs  map[[2]int]int
	fabric topology.Fabric
}

// states are all topologies that can be composed.
func (c catalogue) states(t *testing.T) []state {
	var all []state
	orders := orderings(len(c.kinds))
	pick := make([]int, c.networks)
	for {
		s := state{}
		used := 0
		for _, p := range pick {
			s.chains = append(s.chains, orders[p])
			for _, svc := range orders[p] {
				used |= 1 << svc
			}
		}
		for there := range 1 << len(c.kinds) {
			for made := range 1 << len(c.kinds) {
				s.there, s.made = there, made
				if there&used != used || there != used && !c.idle || made != 0 && !c.replaced || made&^there != 0 {
					continue
				}
				if c.compose(&s) {
					all = append(all, s)
				}
			}
		}
		i := 0
		for ; i < len(pick); i++ {
			if pick[i]++; pick[i] < len(orders) {
				break
			}
			pick[i] = 0
		}
		if i == len(pick) {
			require.NotEmpty(t, all)
			return all
		}
	}
}

// orderings are all ordered subsets of n things.
func orderings(n int) [][]int {
	all := [][]int{{}}
	for i := 0; i < len(all); i++ {
		for x := range n {
			if !slices.Contains(all[i], x) {
				all = append(all, append(slices.Clone(all[i]), x))
			}
		}
	}
	return all
}

// compose states the fabric; false when it cannot be. Behind an outside leg that
// networks share they go through one pair of the next service together.
func (c catalogue) compose(s *state) bool {
	s.pairs = map[[2]int]int{}
	base := tenantOf(c.networks)
	services := make([]topology.Service, len(c.kinds))
	for i, kind := range c.kinds {
		services[i] = topology.Service{Instance: topology.InstanceID(fmt.Sprintf("s%d", i)), Zones: kind, Generation: s.made >> i & 1}
		for p := range c.networks {
			services[i].NICs = append(services[i].NICs, topology.NIC{Role: topology.Inside, Pair: p + 1})
			if p == 0 || kind == topology.Bridged {
				services[i].NICs = append(services[i].NICs, topology.NIC{Role: topology.Outside, Pair: p + 1})
			}
		}
	}
	for n, chain := range s.chains {
		together := []int{n}
		for rank, svc := range chain {
			pair := together[0] + 1
			s.pairs[[2]int{svc, n}] = pair
			services[svc].Stitches = append(services[svc].Stitches, topology.Stitch{
				Network: topology.NetworkID(fmt.Sprintf("net%d", n)), Pair: pair, Rank: rank})
			if c.kinds[svc] == topology.Isolated {
				together = nil
				for o, other := range s.chains {
					if slices.Contains(other, svc) {
						together = append(together, o)
					}
				}
			}
		}
	}
	var there []topology.Service
	for i, svc := range services {
		if s.there>>i&1 == 1 {
			there = append(there, svc)
		}
	}
	var err error
	s.fabric, err = topology.Compose(base, there)
	return err == nil
}

// keeps says whether a network that a service keeps stays on its pair.
func (s *state) keeps(o *state) bool {
	for k, pair := range s.pairs {
		if other, ok := o.pairs[k]; ok && other != pair {
			return false
		}
	}
	return true
}

// allows says whether a pair is looked at: what is replaced was there, and where
// several networks share outside legs it is replaced alone, and of three services
// one at a time comes, goes or is placed elsewhere.
func (c catalogue) allows(from, to *state) bool {
	shared := slices.Contains(c.kinds, topology.Isolated)
	switch {
	case to.made&^from.there != 0:
		return false
	case shared && to.made != 0:
		return fmt.Sprint(from.chains, from.there) == fmt.Sprint(to.chains, to.there)
	case shared && len(c.kinds) > 2:
		return c.oneDiffers(from, to)
	}
	return true
}

// oneDiffers says whether two states are the same but for one service.
func (c catalogue) oneDiffers(from, to *state) bool {
	for x := range c.kinds {
		rest := func(s *state) string {
			text := fmt.Sprint(s.there &^ (1 << x))
			for _, chain := range s.chains {
				text += fmt.Sprint(slices.DeleteFunc(slices.Clone(chain), func(o int) bool { return o == x }))
			}
			return text
		}
		if rest(from) == rest(to) {
			return true
		}
	}
	return false
}

// first says whether no other naming of networks and services comes before.
func (c catalogue) first(s *state) bool {
	own := fmt.Sprint(s.chains, s.there, s.made)
	for _, nets := range permutations(c.networks) {
		for _, svcs := range permutations(len(c.kinds)) {
			if slices.ContainsFunc(svcs, func(i int) bool { return c.kinds[i] != c.kinds[svcs[i]] }) {
				continue
			}
			o := state{chains: make([][]int, c.networks)}
			for i, chain := range s.chains {
				o.chains[nets[i]] = []int{}
				for _, svc := range chain {
					o.chains[nets[i]] = append(o.chains[nets[i]], svcs[svc])
				}
			}
			for i := range c.kinds {
				o.there |= s.there >> i & 1 << svcs[i]
				o.made |= s.made >> i & 1 << svcs[i]
			}
			if fmt.Sprint(o.chains, o.there, o.made) < own {
				return false
			}
		}
	}
	return true
}

func permutations(n int) [][]int {
	return slices.DeleteFunc(orderings(n), func(p []int) bool { return len(p) < n })
}

// ledger keeps what was found by search, and plans that are not the shortest.
type ledger struct {
	plan  func(have, want topology.Fabric) ([]topology.Step, error)
	mu    sync.Mutex // guards all below
	known map[string]found
	wrong []string // the first few
}

type found struct {
	moves    int
	searched bool
}

// check plans between all pairs and answers how many there are.
func (l *ledger) check(c catalogue, states []state) int {
	var next, pairs atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(states) && l.mistakes() < 10; i = int(next.Add(1)) - 1 {
				from := &states[i]
				if from.made != 0 || !c.first(from) {
					continue
				}
				for j := range states {
					if to := &states[j]; (i*len(states)+j)%max(1, c.every) == 0 && from.keeps(to) && c.allows(from, to) {
						pairs.Add(1)
						l.pair(from, to)
					}
				}
			}
		})
	}
	workers.Wait()
	return int(pairs.Load())
}

func (l *ledger) pair(from, to *state) {
	steps, err := l.plan(from.fabric, to.fabric)
	least := l.least(from.fabric, to.fabric)
	if err == nil && least == len(steps) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf("from %v to %v (%b, %b): %d steps would do, not %d (%v):\n%s", from.chains, to.chains, from.there, to.there,
		least, len(steps), err, topology.Text(steps)))
}

// tooLarge is how many searches were given up.
func (l *ledger) tooLarge() int {
	n := 0
	for _, f := range l.known {
		if !f.searched {
			n++
		}
	}
	return n
}

func (l *ledger) mistakes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.wrong)
}

// least is how many steps there have to be.
func (l *ledger) least(have, want topology.Fabric) int {
	m := modelOf(have, want)
	n := m.fixed(have, want)
	for _, part := range m.parts() {
		n += l.moves(part)
	}
	return n
}

func (l *ledger) moves(m *model) int {
	if len(m.ports) == 0 || !slices.ContainsFunc(m.ports, func(p port) bool { return p.have != p.want }) {
		return 0
	}
	key := m.key()
	l.mu.Lock()
	f, ok := l.known[key]
	l.mu.Unlock()
	if !ok {
		f.moves, f.searched = m.least(20_000)
		l.mu.Lock()
		l.known[key] = f
		l.mu.Unlock()
	}
	return f.moves
}

// fixed is the steps that there have to be in any order: what is made and removed,
// and waiting for each way that traffic does not pass yet.
func (m *naming) fixed(have, want topology.Fabric) int {
	n := apart(have.Networks, want.Networks, func(n topology.Network) topology.NetworkID { return n.ID })
	for _, k := range [][]topology.Appliance{have.Appliances, want.Appliances} {
		for _, a := range k {
			if kit := m.model.machines[m.machines[a.ID]]; kit.have != kit.want {
				n += len(a.Legs) + 1
			}
		}
	}
	j := newJudge(&m.model, true)
	var was, will uint32
	from, to := m.begin(), j.end()
	for i, p := range m.model.ports {
		if p.machine < 0 {
			_, a, _ := j.route(&from, i)
			_, b, _ := j.route(&to, i)
			was, will = was|a, will|b
		}
	}
	for left := will &^ was; left != 0; left &= left - 1 {
		n++
	}
	return n
}

// apart is how many things only one of two lists has.
func apart[T any, ID comparable](a, b []T, id func(T) ID) int {
	in := map[ID]int{}
	for i, list := range [][]T{a, b} {
		for _, x := range list {
			in[id(x)] |= 1 << i
		}
	}
	n := 0
	for _, both := range in {
		if both != 3 {
			n++
		}
	}
	return n
}
