package topology

import (
	"fmt"
	"slices"
)

// Fault is what is wrong with a fabric.
type Fault string

const (
	Loop        Fault = "loop"        // frames go round
	Joined      Fault = "joined"      // two networks have become one broadcast domain
	Unreachable Fault = "unreachable" // hosts cannot reach a plug of their gateway
	Bypassed    Fault = "bypassed"    // traffic gets past a service that it must pass
	Misordered  Fault = "misordered"  // services are passed in the wrong order
	Dangling    Fault = "dangling"    // something is plugged into a network that does not exist
	Stalled     Fault = "stalled"     // a gateway sends flows to a service of which nothing runs
)

// Violation is one thing wrong with a fabric.
type Violation struct {
	Fault   Fault       `json:"fault"`
	Network NetworkID   `json:"network,omitempty"` // whose traffic suffers
	Other   NetworkID   `json:"other,omitempty"`   // of Joined: the network it is joined with
	Port    PortID      `json:"port,omitempty"`    // of Dangling and Unreachable
	Service ApplianceID `json:"service,omitempty"` // of Loop, Bypassed, Misordered, Stalled
}

// String is one sentence.
func (v Violation) String() string {
	switch v.Fault {
	case Loop:
		return fmt.Sprintf("frames of network %s go round in a loop through %s", v.Network, v.Service)
	case Joined:
		return fmt.Sprintf("networks %s and %s are joined into one broadcast domain", v.Network, v.Other)
	case Unreachable:
		return fmt.Sprintf("hosts of network %s cannot reach their gateway's port %s", v.Network, v.Port)
	case Bypassed:
		return fmt.Sprintf("traffic of network %s gets past %s", v.Network, v.Service)
	case Misordered:
		return fmt.Sprintf("traffic of network %s passes %s out of order", v.Network, v.Service)
	case Stalled:
		return fmt.Sprintf("flows of network %s are sent to %s, which does not take them", v.Network, v.Service)
	case Dangling:
		return fmt.Sprintf("port %s is plugged into network %q, which does not exist", v.Port, v.Network)
	}
	return string(v.Fault)
}

// Check lists what is wrong with a fabric by itself: loops (through an appliance
// that does not run, too: it may start any moment), networks joined, hosts that
// do not reach their gateway, plugs in the air. Empty when it is safe.
func Check(f Fabric) []Violation { return newGraph(f).check(f) }

func (g *graph) check(f Fabric) []Violation {
	found := g.dangling(f)
	visited := map[NetworkID]bool{}
	for _, n := range f.Networks {
		if n.Role != RoleTenant {
			continue
		}
		fl := g.flood(n.ID)
		found = append(found, g.judge(fl)...)
		for _, id := range fl.order {
			visited[id] = true
		}
		found = append(found, g.unreachable(fl)...)
	}
	for _, n := range f.Networks { // segments that no host's frames reach
		if !visited[n.ID] {
			fl := g.flood(n.ID)
			for _, id := range fl.order {
				visited[id] = true
			}
			found = append(found, g.judge(fl)...)
		}
	}
	return append(found, stalled(f)...)
}

// CheckBetween lists what is wrong with now on the way from have to want: all of
// Check, and services that traffic passes before and after the change but gets
// past now, or passes in an order that is not want's.
func CheckBetween(have, now, want Fabric) []Violation {
	found := Check(now)
	gh, gn, gw := newGraph(have), newGraph(now), newGraph(want)
	for _, n := range now.Networks {
		if n.Role != RoleTenant {
			continue
		}
		for _, p := range gn.homes[n.ID] {
			is, open := gn.passed(n.ID, p.Port)
			if !open {
				continue
			}
			was, _ := gh.passed(n.ID, p.Port)
			will, _ := gw.passed(n.ID, p.Port)
			found = append(found, compare(n.ID, was, is, will)...)
		}
	}
	return append(found, leaked(have, now, want)...)
}

func compare(n NetworkID, was, is, will []Appliance) []Violation {
	var found []Violation
	last := -1
	for _, a := range will {
		same := func(o Appliance) bool { return o.Instance == a.Instance } // of any generation
		at := slices.IndexFunc(is, same)
		switch {
		case at < 0 && slices.ContainsFunc(was, same):
			found = append(found, Violation{Fault: Bypassed, Network: n, Service: a.ID})
		case at >= 0 && at < last:
			found = append(found, Violation{Fault: Misordered, Network: n, Service: a.ID})
		}
		last = max(last, at)
	}
	return found
}

// passed are the appliances between hosts and a plug of their gateway; false
// when the plug is not reached.
func (g *graph) passed(n NetworkID, port PortID) ([]Appliance, bool) {
	p := g.plugs[port]
	if p == nil {
		return nil, false
	}
	fl := g.flood(n)
	way, ok := fl.way(p.At)
	list := make([]Appliance, 0, len(way))
	for _, c := range way {
		list = append(list, c.node.Appliance)
	}
	return list, ok
}

func (g *graph) judge(fl flood) []Violation {
	var found []Violation
	if fl.looped != nil {
		found = append(found, Violation{Fault: Loop, Network: fl.from, Service: fl.looped.node.ID})
	}
	if g.roles[fl.from] != RoleTenant {
		return found
	}
	for _, id := range fl.order[1:] {
		if role := g.roles[id]; role == RoleManagement || role == RoleTenant && fl.from < id || role == RoleTenant && !g.mutual(id, fl.from) {
			found = append(found, Violation{Fault: Joined, Network: fl.from, Other: id})
		}
	}
	return found
}

// mutual says whether from's frames reach to, so that a joint is told only once.
func (g *graph) mutual(from, to NetworkID) bool {
	fl := g.flood(from)
	return fl.find(to) >= 0
}

func (g *graph) unreachable(fl flood) []Violation {
	var found []Violation
	for _, p := range g.homes[fl.from] {
		way, ok := fl.way(p.At)
		if !ok || slices.ContainsFunc(way, func(c crossing) bool { return !c.node.Booted }) {
			found = append(found, Violation{Fault: Unreachable, Network: fl.from, Port: p.Port})
		}
	}
	return found
}

func (g *graph) dangling(f Fabric) []Violation {
	var found []Violation
	look := func(port PortID, at NetworkID) {
		if _, ok := g.roles[at]; at != "" && !ok {
			found = append(found, Violation{Fault: Dangling, Network: at, Port: port})
		}
	}
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			look(p.Port, p.At)
		}
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			look(l.Port, l.At)
		}
	}
	return found
}
