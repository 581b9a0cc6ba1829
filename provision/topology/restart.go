package topology

import "slices"

// An appliance whose machine is to be of another start is shut down and booted anew
// on the same legs. One that traffic is to get past is so first, and one that
// traffic is to pass is ready before it does. Only where traffic passes it now and
// then does it stop meanwhile.

// restarts says whether an appliance runs and is to be of another start.
func (p *planner) restarts(n *node) bool {
	a, kept := p.want.appliances[n.ID]
	return kept && n.Booted && n.Start != a.Start
}

// restartsFirst says whether an appliance is to be restarted before traffic is
// swapped.
func (p *planner) restartsFirst(n *node) bool {
	return p.restarts(n) && (p.carries(n.ID) || p.idle(n))
}

// carries says whether traffic is to pass an appliance.
func (p *planner) carries(id ApplianceID) bool {
	return slices.ContainsFunc(p.want.appliances[id].Legs, func(l Leg) bool { return p.needed[pairKey{id, l.Pair}] })
}

// restartRest restarts the appliances that traffic passed until now.
func (p *planner) restartRest(want Fabric) {
	for _, a := range want.Appliances {
		if n := p.g.nodes[a.ID]; p.restarts(n) {
			p.shutdown(n)
			p.boot(a.ID)
		}
	}
}
