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
		if forwards, err := t.inward(); err != nil || forwards {
			return errors.Join(err, w.run(inserting))
		}
	}
	return v.plug(port, s.To)
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

// gates are the gateway's ports whose traffic a move swaps.
type gates struct {
	ports []topology.PortID
	macs  []net.HardwareAddr
}

func (v *view) gatesOf(f topology.Fabric, s topology.Step) (g gates, err error) {
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			if p.Port != s.Port && !slices.Contains(s.Serves, p.Home) {
				continue
			}
			mac, err := net.ParseMAC(p.MAC)
			if err != nil {
				return g, fmt.Errorf("port %q of the gateway has no MAC address: %w", p.Port, err)
			}
			g.ports, g.macs = append(g.ports, p.Port), append(g.macs, mac)
		}
	}
	return g, nil
}

// between finds the running appliance whose wire joins two networks, and says
// whether going from the one to the other inserts it (the port is outside then)
// or takes it out.
func (v *view) between(f topology.Fabric, from, to topology.NetworkID) (p pair, inserting, ok bool) {
	for _, a := range f.Appliances {
		if !a.Booted {
			continue
		}
		for _, l := range a.Legs {
			if l.Role != topology.Inside || l.At != from && l.At != to {
				continue
			}
			p, ok := v.pairOf(f, a.ID, l.Pair)
			if !ok {
				continue
			}
			switch at := v.at(p.out); {
			case l.At == from && at == to:
				return p, true, true
			case l.At == to && at == from:
				return p, false, true
			}
		}
	}
	return pair{}, false, false
}

// A swap puts a port on the other side of a forwarding appliance without losing
// a frame. A bridge port that changes its bridge is deaf for up to a
// millisecond, and bridges know the gateway's MAC address on the side where it
// was; so for the moment both directions are led past the bridges:
//
//  1. What leaves the appliance's outside leg for the gateway goes straight to
//     the port, wherever it is plugged.
//  2. Inserting, the appliance and the inside network are taught by a probe from
//     the gateway's address that the gateway is behind the outside leg. Once the
//     probe is through, hosts' frames take the new way, and arrive by 1.
//  3. What comes from the port goes straight into the outside leg. Now both
//     directions pass the appliance, and the port's own bridge carries nothing.
//  4. The port changes its bridge. Nobody notices.
//  5. The port's frames are its bridge's again. Taking out, they go to the hosts
//     directly from now on, and those inside the appliance are let out before
//     the gateway is announced: one that came out later would teach the inside
//     network the old way again, after the appliance had learned the new one.
//  6. The announcement. Hosts' frames take the new way for good; those that are
//     inside the appliance still are let out, and arrive by 1.
//  7. Short cut 1 ends.
//
// No frame goes around the appliance that would not without it, so a firewall
// stays one throughout.
type swap struct {
	view     *view
	port     tagged
	way      *passage
	macs     []net.HardwareAddr // of the gateway's ports behind the port
	to       topology.NetworkID
	announce func() error
}

func (w *swap) run(inserting bool) (err error) {
	// Whatever fails, no short cut stays; and without them the move itself still is
	// right, only not free of loss.
	defer func() { err = errors.Join(err, endShortCuts(w.port), endShortCuts(w.way.out)) }()
	if err := shortCut(w.way.out, w.port, w.macs...); err != nil {
		return w.rough(err)
	}
	if inserting {
		if err := w.teach(); err != nil {
			return err
		}
	}
	if err := shortCut(w.port, w.way.out); err != nil {
		return w.rough(err)
	}
	if err := w.view.plug(w.port, w.to); err != nil {
		return err
	}
	if err := endShortCuts(w.port); err != nil {
		return err
	}
	if inserting {
		return w.announce()
	}
	return w.empty()
}

// rough moves the port as it would be done without short cuts, where the kernel
// refuses them.
func (w *swap) rough(cause error) error {
	w.view.cloud.log.Warn("this move may lose packets", "tenant", w.view.tenant, "port", w.port.tag.ID, "cause", cause)
	return w.view.plug(w.port, w.to)
}

// teach lets the appliance and the inside network learn the gateway's place. A
// probe that does not arrive teaches nothing, and the announcement will. It is
// shielded because the port may be another appliance's, which is still plugged in
// inside and must not learn that the gateway is among the hosts.
func (w *swap) teach() error {
	for _, mac := range w.macs {
		if _, err := w.way.inwardFrom(mac); err != nil {
			return err
		}
	}
	return nil
}

// empty announces the gateway between letting out what is inside the appliance
// towards the hosts and what is inside towards the gateway. Frames do not
// overtake each other in a wire, so a probe that is through has swept it.
func (w *swap) empty() error {
	if _, err := w.way.inward(); err != nil {
		return err
	}
	if err := w.announce(); err != nil {
		return err
	}
	_, err := w.way.outward()
	return err
}
