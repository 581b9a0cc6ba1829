package topology

import "slices"

// crossing is one pass of a frame through an appliance.
type crossing struct {
	node *node
	wire wire
}

// flood is where the frames of a network's hosts get to.
type flood struct {
	from   NetworkID
	order  []NetworkID // networks in the order reached, from first
	via    []arrival   // how each of them was reached first
	looped *crossing   // a wire that closes a loop, if any
	index  map[NetworkID]int
}

type arrival struct {
	from int // in order
	by   crossing
}

// few networks are found faster by looking than by a map.
const few = 12

// find is a network's place in the order, or -1.
func (f *flood) find(id NetworkID) int {
	if len(f.order) <= few {
		return slices.Index(f.order, id)
	}
	if i, ok := f.index[id]; ok {
		return i
	}
	return -1
}

func (f *flood) reach(id NetworkID, how arrival) {
	f.order, f.via = append(f.order, id), append(f.via, how)
	switch {
	case f.index != nil:
		f.index[id] = len(f.order) - 1
	case len(f.order) > few:
		f.index = make(map[NetworkID]int, 2*len(f.order))
		for i, id := range f.order {
			f.index[id] = i
		}
	}
}

// flood follows the frames of one network over every wire, whether its
// appliance runs or not. Where an appliance keeps zones apart, frames that come
// at its outside leg from elsewhere belong to no zone, or to one whose inside they
// reach anyway; so such a wire needs following from inside to outside only.
func (g *graph) flood(from NetworkID) flood {
	f := flood{from: from}
	f.reach(from, arrival{})
	for i := 0; i < len(f.order); i++ {
		for _, end := range g.ends[f.order[i]] {
			for _, w := range end.node.wires {
				if w.in != end.leg && (w.out != end.leg || w.apart) {
					continue
				}
				f.cross(i, end, w)
			}
		}
	}
	return f
}

func (f *flood) cross(at int, end place, w wire) {
	by := crossing{end.node, w}
	if f.via[at].by == by {
		return // the way it came
	}
	switch far := end.node.Legs[w.in+w.out-end.leg].At; {
	case far == "":
	case f.find(far) >= 0:
		f.looped = &by
	default:
		f.reach(far, arrival{at, by})
	}
}

// way is the crossings between the hosts and a network that the flood reached,
// in that order; false when it did not.
func (f *flood) way(to NetworkID) ([]crossing, bool) {
	at := f.find(to)
	if at < 0 {
		return nil, false
	}
	var back []crossing
	for ; at > 0; at = f.via[at].from {
		back = append(back, f.via[at].by)
	}
	slices.Reverse(back)
	return back, true
}
