//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// move changes where a port is plugged, and announces it. When the way between
// the two networks leads through an appliance that forwards, no frame is lost;
// see swap. Otherwise the port is moved by one call and traffic finds it after
// the announcement.
func (v *view) move(ctx context.Context, f topology.Fabric, s topology.Step) error {
	port, err := v.portOf(s)
	if err != nil {
		return err
	}
	gates, err := v.gatesOf(f, s)
	if err != nil {
		return err
	}
	a, err := v.prepareAnnouncement(gates.ports)
	if err != nil {
		return err
	}
	defer a.close()
	// Only now, so that a repeated step does not break a swap that was interrupted
	// for longer than it must.
	if err := v.endLeftShortCuts(); err != nil {
		return err
	}
	if v.at(port) != s.To {
		if err := v.change(f, s, port, gates.macs, a); err != nil {
			return err
		}
	}
	if err := v.manageAt(port, s.To); err != nil {
		return err
	}
	return a.send()
}

// manageAt makes a management leg reachable where it was moved to.
func (v *view) manageAt(port tagged, at topology.NetworkID) error {
	if port.tag.Kind != kindLeg || at == "" {
		return nil
	}
	f, err := facts[legFacts](port.tag)
	if err != nil || f.Leg.Role != topology.Management || !f.Leg.Address.IsValid() {
		return err
	}
	f.Leg.At = at
	return v.reachManagement(f.Leg)
}

// change moves the port, smoothly where it can.
func (v *view) change(f topology.Fabric, s topology.Step, port tagged, macs []net.HardwareAddr, a *announcement) error {
	p, inserting, ok := v.between(f, s.From, s.To)
	if ok && len(macs) > 0 && p.in.index() != port.index() && p.out.index() != port.index() {
		t, err := openPassage(p)
		if err != nil {
			return err
		}
		defer t.close()
		w := swap{view: v, port: port, way: t, macs: macs, to: s.To, announce: a.send}
		forwards, err := opens(t, inserting)
		if err != nil {
			return err
		}
		if forwards {
			return w.run(inserting)
		}
	}
	if old, next, ok := v.beside(f, s); ok && len(macs) > 0 {
		return v.replace(old, next, swap{view: v, port: port, macs: macs, to: s.To, announce: a.send})
	}
	return v.plug(port, s.To)
}

// replace moves the port from one appliance's outside to the other's, smoothly
// while both forward.
func (v *view) replace(old, next pair, w swap) error {
	from, err := openPassage(old)
	if err != nil {
		return err
	}
	defer from.close()
	if w.way, err = openPassage(next); err != nil {
		return err
	}
	defer w.way.close()
	forwards, err := opens(from, false) // what is caught in a dead one cannot wait
	if err == nil && forwards {
		forwards, err = opens(w.way, true)
	}
	if err != nil || !forwards {
		return errors.Join(err, v.plug(w.port, w.to))
	}
	return w.exchange(from)
}

// beside finds the running appliances between whose outsides a move goes, and
// which have the same network inside: one that is replaced and the next.
func (v *view) beside(f topology.Fabric, s topology.Step) (old, next pair, ok bool) {
	for _, o := range v.behind(f, s.From, s.Serves) {
		for _, n := range v.behind(f, s.To, s.Serves) {
			if v.at(o.in) == v.at(n.in) && o.in.index() != n.in.index() {
				return o, n, true
			}
		}
	}
	return old, next, false
}

// behind are the pairs of running appliances that lead all of some traffic to an
// outer network.
func (v *view) behind(f topology.Fabric, outer topology.NetworkID, serves []topology.NetworkID) (list []pair) {
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if !a.Booted || l.Role != topology.Inside || l.At == "" || outer == "" || !slices.Equal(l.Serves, serves) {
				continue
			}
			if p, ok := v.pairOf(f, a.ID, l.Pair); ok && v.at(p.out) == outer {
				list = append(list, p)
			}
		}
	}
	return list
}

// opens says whether the way through is open now, and has all that follows wait
// longer if so. Traffic that takes another way still can wait a second time for one
// that is slow on a busy machine; traffic that is caught in a dead one cannot.
func opens(t *passage, inserting bool) (forwards bool, err error) {
	t.patience = swapPatience
	if forwards, err = t.inward(); err == nil && !forwards && inserting {
		forwards, err = t.inward()
	}
	if forwards {
		t.patience = sweepPatience
	}
	return forwards, err
}

// portOf is the link of the port that a step moves.
func (v *view) portOf(s topology.Step) (tagged, error) {
	k := kindPlug
	if s.Appliance != nil {
		k = kindLeg
	}
	l, ok := v.find(k, string(s.Port))
	if !ok {
		return l, fault.New(fault.NotFound, "tenant %q has no port %q", v.tenant, s.Port)
	}
	return l, nil
}

// gates are the gateways' ports whose traffic a move swaps.
type gates struct {
	ports []gatePort
	macs  []net.HardwareAddr
}

type gatePort struct {
	gateway topology.GatewayID
	port    topology.PortID
}

func (v *view) gatesOf(f topology.Fabric, s topology.Step) (g gates, err error) {
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			if p.Port != s.Port && (s.Appliance == nil || !slices.Contains(s.Serves, p.Home)) {
				continue // a plug moves by itself, whatever other gateways the network has
			}
			mac, err := net.ParseMAC(p.MAC)
			if err != nil {
				return g, fmt.Errorf("port %q of the gateway has no MAC address: %w", p.Port, err)
			}
			g.ports, g.macs = append(g.ports, gatePort{gw.ID, p.Port}), append(g.macs, mac)
		}
	}
	return g, nil
}

// between finds the way through running appliances that joins two networks, as a
// pair of the first one's inside and the last one's outside leg, and says whether
// going from the one to the other inserts them (the port is outside then) or
// takes them out.
func (v *view) between(f topology.Fabric, from, to topology.NetworkID) (p pair, inserting, ok bool) {
	if from == "" || to == "" {
		return p, false, false // a leg that waits unused is on no way
	}
	if p, ok = v.outwards(f, from, to, len(f.Networks)); ok {
		return p, true, true
	}
	p, ok = v.outwards(f, to, from, len(f.Networks))
	return p, false, ok
}

// outwards finds the way from an inner to an outer network, over at most so many
// appliances.
func (v *view) outwards(f topology.Fabric, inner, outer topology.NetworkID, most int) (pair, bool) {
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if !a.Booted || l.Role != topology.Inside || l.At != inner {
				continue
			}
			p, ok := v.pairOf(f, a.ID, l.Pair)
			if !ok {
				continue
			}
			next := v.at(p.out)
			if next == outer {
				return p, true
			}
			if next == "" || most == 0 {
				continue
			}
			if rest, ok := v.outwards(f, next, outer, most-1); ok {
				return pair{p.in, rest.out}, true
			}
		}
	}
	return pair{}, false
}
