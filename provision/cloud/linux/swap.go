//go:build linux

package linux

import (
	"errors"
	"net"

	"github.com/bumpwire/bumpwire/provision/topology"
)

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

// exchange takes the port from an appliance's outside to that of another one beside
// it, with the same network inside. Steps 1 to 3 are those of an insertion of the
// other one: hosts' frames take the new way and arrive by the short cut, and those
// that are inside the old appliance still find the port where it was. What comes out
// of that towards the hosts teaches the inside network the old way again, so it
// is let out first, then the network is taught once more, and what took the old
// way meanwhile is let out too. Then the port changes its bridge.
func (w *swap) exchange(old *passage) (err error) {
	defer func() { err = errors.Join(err, endShortCuts(w.port), endShortCuts(w.way.out)) }()
	if err := shortCut(w.way.out, w.port, w.macs...); err != nil {
		return w.rough(err)
	}
	if err := w.teach(); err != nil {
		return err
	}
	if err := shortCut(w.port, w.way.out); err != nil {
		return w.rough(err)
	}
	if err := old.letOutInward(); err != nil {
		return err
	}
	if err := w.teach(); err != nil {
		return err
	}
	if err := old.letOutOutward(); err != nil {
		return err
	}
	if err := w.view.plug(w.port, w.to); err != nil {
		return err
	}
	if err := endShortCuts(w.port); err != nil {
		return err
	}
	return w.announce()
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
// towards the hosts and what is inside towards the gateway. Frames of one processor do
// not overtake each other in a wire, so probes that are through have swept it.
func (w *swap) empty() error {
	if err := w.way.letOutInward(); err != nil {
		return err
	}
	if err := w.announce(); err != nil {
		return err
	}
	return w.way.letOutOutward()
}
