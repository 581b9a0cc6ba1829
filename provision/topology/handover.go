package topology

// A management address stays an instance's when its appliance is replaced: what
// was handed out with it goes on being true. Two generations run at the same time
// for a while, so the leg of the next one waits unplugged until traffic has been
// swapped; then the leg of the one before is unplugged and it is its turn.

// address is a management address on a network.
type address struct {
	at   NetworkID
	text string
}

func addressOf(l Leg, at NetworkID) (address, bool) {
	return address{at, l.Address.Addr().String()}, l.Role == Management && at != "" && l.Address.IsValid()
}

// addressed says whether another leg that is plugged in on a network has the
// management address of this one.
func (p *planner) addressed(port PortID, at NetworkID) bool {
	leg, ok := p.g.legs[port]
	if !ok {
		return false
	}
	a, managed := addressOf(leg.node.Legs[leg.leg], at)
	if !managed {
		return false
	}
	for _, other := range p.have.managed[a] {
		if o, there := p.g.legs[other]; there && other != port && o.at() == at {
			return true
		}
	}
	return false
}

// findHandovers lists the management legs to unplug of appliances that are to go,
// whose address another one is to have.
func (p *planner) findHandovers() {
	for a, ports := range p.have.managed {
		for _, port := range ports {
			leg, there := p.g.legs[port]
			if _, kept := p.want.legs[port]; kept || !there || len(p.want.managed[a]) == 0 {
				continue
			}
			p.pending = append(p.pending, &change{port: port, appliance: leg.node.ID})
		}
	}
}
