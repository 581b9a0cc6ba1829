package topology

import (
	"fmt"
	"slices"
	"strings"
)

// Tally is what a plan takes: calls of the cloud, and interruptions.
type Tally struct {
	Calls   map[Verb]int      `json:"calls"`   // of the cloud, by verb
	Total   int               `json:"total"`   // calls in all
	Swaps   map[NetworkID]int `json:"swaps"`   // moves that traffic notices, by network
	Swapped []NetworkID       `json:"swapped"` // networks that see a swap, sorted
}

// Count adds up the cloud calls of a plan and the swaps that each network sees.
func Count(steps []Step) Tally {
	t := Tally{Calls: map[Verb]int{}, Swaps: map[NetworkID]int{}, Swapped: []NetworkID{}}
	for _, s := range steps {
		t.Calls[s.Verb]++
		t.Total++
		if s.Verb != Move && s.Verb != SetRedirect {
			continue
		}
		for _, n := range s.Serves {
			if t.Swaps[n]++; t.Swaps[n] == 1 {
				t.Swapped = append(t.Swapped, n)
			}
		}
	}
	slices.Sort(t.Swapped)
	return t
}

// String says it in two sentences.
func (t Tally) String() string {
	var calls []string
	for _, v := range []Verb{CreateNetwork, CreatePort, Boot, Await, Move, SetRedirect, Shutdown, DeletePort, DeleteNetwork} {
		if n := t.Calls[v]; n > 0 {
			calls = append(calls, fmt.Sprintf("%s %d", v, n))
		}
	}
	text := fmt.Sprintf("%s: %s.\n", count(t.Total, "cloud call"), strings.Join(calls, ", "))
	if len(t.Swapped) == 0 {
		return text + "No network sees a swap."
	}
	var seen []string
	for _, n := range t.Swapped {
		seen = append(seen, fmt.Sprintf("%s (%s)", n, count(t.Swaps[n], "move")))
	}
	return text + "Networks that see a swap: " + strings.Join(seen, ", ") + "."
}
