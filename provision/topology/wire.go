package topology

import "slices"

// wire is the way through an appliance from an inside leg to an outside leg, by
// their indexes in Legs.
type wire struct {
	in, out int
	// apart: the appliance keeps zones apart. What came in at one inside leg may
	// share the outside leg with others, but never leaves at another inside leg.
	apart bool
}

// wires are an appliance's ways through. An inside leg goes with the outside leg
// of its pair. An appliance with fewer outside than inside legs keeps zones
// apart: there an inside leg whose own outside leg is missing or waits unused
// goes with the first outside leg.
func wires(a *Appliance) []wire {
	inside := 0
	var outs []int
	for i, l := range a.Legs {
		switch l.Role {
		case Inside:
			inside++
		case Outside:
			outs = append(outs, i)
		case Management, HA:
		}
	}
	if inside == 0 || len(outs) == 0 {
		return nil
	}
	apart := len(outs) < inside
	first := slices.MinFunc(outs, func(i, j int) int { return byNIC(a.Legs[i], a.Legs[j]) })
	byPair := make(map[int]int, len(outs))
	for _, i := range slices.Backward(outs) {
		byPair[a.Legs[i].Pair] = i
	}
	ws := make([]wire, 0, inside)
	for i, l := range a.Legs {
		if l.Role != Inside {
			continue
		}
		out, ok := byPair[l.Pair]
		if apart && (!ok || a.Legs[out].At == "") {
			out, ok = first, true
		}
		if ok {
			ws = append(ws, wire{in: i, out: out, apart: apart})
		}
	}
	return ws
}

// pairLeg is the index of the leg with a role and pair, or -1.
func pairLeg(a *Appliance, role LegRole, pair int) int {
	for i, l := range a.Legs {
		if l.Role == role && l.Pair == pair {
			return i
		}
	}
	return -1
}
