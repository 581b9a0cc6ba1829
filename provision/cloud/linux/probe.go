//go:build linux

package linux

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Times of probes. A software-emulated guest forwards within a millisecond or
// two; what takes longer is not ready to carry anybody's traffic. One that is to be
// inserted or taken out may stand still for a moment on a busy machine, and what is
// inside it then would be lost by not waiting; a dead one costs that much once. One
// that forwarded a moment ago is waited for longer: its traffic goes on meanwhile.
const (
	probePatience = 60 * time.Millisecond
	probeAgain    = 100 * time.Millisecond
	swapPatience  = 500 * time.Millisecond
	sweepPatience = 3 * time.Second
)

// pair is two legs of an appliance that are the ends of one wire.
type pair struct {
	in, out tagged
}

// await answers nil once probes have passed through a pair of legs both ways: if
// one leg is dead, the appliance is.
func (v *view) await(ctx context.Context, f topology.Fabric, a topology.Appliance, number int) error {
	p, ok := v.pairOf(f, a.ID, number)
	if !ok {
		return fault.New(fault.Invalid, "%q has no pair of legs %d", a.ID, number)
	}
	for _, way := range []struct {
		name  string
		probe func(*passage) (bool, error)
	}{
		{"from inside to outside", (*passage).outward},
		{"from outside to inside", (*passage).inward},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		passed, err := v.through(p, way.probe)
		if err != nil {
			return err
		}
		if !passed {
			return &cloud.NotYet{Reason: fmt.Sprintf("no probe came through %s %s yet", a.Name, way.name), After: probeAgain}
		}
	}
	return nil
}

// pairOf finds the two legs of a numbered pair. An appliance that keeps zones
// apart may have one outside leg for several inside ones; then it is the first.
func (v *view) pairOf(f topology.Fabric, id topology.ApplianceID, number int) (p pair, ok bool) {
	for _, a := range f.Appliances {
		if a.ID != id {
			continue
		}
		in, _ := legOf(a, topology.Inside, number)
		out, own := legOf(a, topology.Outside, number)
		if !own || out.At == "" {
			out, _ = legOf(a, topology.Outside, 0)
		}
		var found bool
		if p.in, ok = v.find(kindLeg, string(in.Port)); ok {
			p.out, found = v.find(kindLeg, string(out.Port))
		}
		return p, ok && found
	}
	return p, false
}

// legOf is an appliance's leg by role and pair; pair 0 is any, plugged in.
func legOf(a topology.Appliance, role topology.LegRole, number int) (topology.Leg, bool) {
	for _, l := range a.Legs {
		if l.Role == role && (l.Pair == number || number == 0 && l.At != "") {
			return l, true
		}
	}
	return topology.Leg{}, false
}

// through opens the passage and sends a probe along it.
func (v *view) through(p pair, probe func(*passage) (bool, error)) (bool, error) {
	t, err := openPassage(p)
	if err != nil {
		return false, err
	}
	defer t.close()
	return probe(t)
}

// A passage is the way through an appliance, held at both ends. Frames sent here
// go out of the links towards the appliance only; what the appliance makes of
// them comes in from its other leg like any frame.
type passage struct {
	pair
	inside, outside *socket
	patience        time.Duration // with one probe
}

func openPassage(p pair) (*passage, error) {
	inside, err := openSocket(p.in.index(), onlyARP())
	if err != nil {
		return nil, err
	}
	outside, err := openSocket(p.out.index(), onlyARP())
	if err != nil {
		inside.close()
		return nil, err
	}
	return &passage{p, inside, outside, probePatience}, nil
}

func (t *passage) close() {
	t.inside.close()
	t.outside.close()
}

// outward sends a probe in at the inside leg and looks for it at the outside
// one. Before the swap it ends in an empty segment; afterwards the gateway sees
// one request for an address that it does not have.
func (t *passage) outward() (bool, error) { return t.outwardFrom(nonce()) }

func (t *passage) outwardFrom(src net.HardwareAddr) (bool, error) {
	return t.cross(t.inside, t.outside, arpProbe(broadcast(), src), src)
}

// inward sends a probe the other way without letting hosts see it; see shield.
func (t *passage) inward() (bool, error) { return t.inwardFrom(nonce()) }

func (t *passage) inwardFrom(src net.HardwareAddr) (bool, error) {
	sink, unshield, err := t.shield()
	if err != nil {
		return false, err
	}
	defer unshield()
	return t.cross(t.outside, t.inside, arpProbe(sink, src), src)
}

// letOutInward waits until what was inside the appliance on its way to the hosts is
// out: as inward, with a probe from every processor. See sweepWire.
func (t *passage) letOutInward() error {
	sink, unshield, err := t.shield()
	if err != nil {
		return err
	}
	defer unshield()
	return sweepWire(t.outside, t.inside, sink, time.Now().Add(t.patience))
}

// letOutOutward is letOutInward the other way.
func (t *passage) letOutOutward() error {
	return sweepWire(t.inside, t.outside, broadcast(), time.Now().Add(t.patience))
}

// shield makes an address to which probes can be sent through the appliance
// without anybody behind it seeing them: the inside network is told that it
// lives at the leg they come from, and a bridge never sends a frame back where it
// came from. The appliance knows nothing of that address and passes the probe as
// any frame to somebody unknown; the inside network's bridge learns the source.
func (t *passage) shield() (sink net.HardwareAddr, unshield func(), err error) {
	sink = nonce()
	if t.in.Attrs().MasterIndex == 0 {
		return sink, func() {}, nil
	}
	entry := &netlink.Neigh{
		Family: unix.AF_BRIDGE, LinkIndex: t.in.index(), HardwareAddr: sink,
		State: unix.NUD_NOARP, Flags: unix.NTF_MASTER,
	}
	if err := netlink.NeighAppend(entry); err != nil {
		return nil, nil, fmt.Errorf("cannot shield hosts from a probe: %w", err)
	}
	return sink, func() { _ = netlink.NeighDel(entry) }, nil // one that stays goes with the leg
}

// cross sends a frame and waits for one from its source to come in elsewhere.
func (t *passage) cross(from, to *socket, frame []byte, src net.HardwareAddr) (bool, error) {
	if err := from.send(frame); err != nil {
		return false, fmt.Errorf("cannot send a probe: %w", err)
	}
	return to.receive(time.Now().Add(t.patience), func(s sighting) bool {
		return !s.out && isFrom(s.frame, src)
	})
}
