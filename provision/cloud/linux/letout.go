//go:build linux

package linux

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// letOut waits until what the gateway has sent into members that it uses no more has
// come out of them: it would be lost with the gateway's ports there. Frames do not
// overtake each other in a wire, so probes that are through have swept it. A member
// that is dead costs one probe's patience. The thread is in the gateway.
func (v *view) letOut(g topology.GatewayID, before, after []topology.Member) error {
	for _, m := range before {
		if slices.Contains(after, m) {
			continue
		}
		if err := sweepTurn(turnLink(g, m.Appliance, insideEnd), turnLink(g, m.Appliance, outsideEnd)); err != nil {
			return fmt.Errorf("cannot let out what is inside %q: %w", m.Appliance, err)
		}
	}
	return nil
}

func sweepTurn(inside, outside string) error {
	var ends [2]*socket
	for n, name := range []string{inside, outside} {
		l, err := netlink.LinkByName(name)
		if isGone(err) {
			return nil // removed by a step that was interrupted
		}
		if err != nil {
			return err
		}
		if ends[n], err = openSocket(l.Attrs().Index, onlyARP()); err != nil {
			return err
		}
		defer ends[n].close()
	}
	until := time.Now().Add(swapPatience)
	for _, way := range [][2]*socket{{ends[0], ends[1]}, {ends[1], ends[0]}} {
		if err := sweepWire(way[0], way[1], broadcast(), until); err != nil {
			return err
		}
	}
	return nil
}

// sweepWire sends a probe from every processor, since each has a queue of its own
// for what goes through virtual cables, and waits until all of them are through. The
// thread must be one that ends soon, for it may stay on one processor.
func sweepWire(from, to *socket, dst net.HardwareAddr, until time.Time) error {
	var own, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &own) }()
	var sources []net.HardwareAddr
	for cpu := range len(own) * 64 {
		if !own.IsSet(cpu) {
			continue
		}
		one.Zero()
		one.Set(cpu)
		if unix.SchedSetaffinity(0, &one) != nil {
			continue // taken away from us meanwhile
		}
		src := nonce()
		sources = append(sources, src)
		if err := from.send(arpProbe(dst, src)); err != nil {
			return err
		}
	}
	_, err := to.receive(until, func(s sighting) bool {
		sources = slices.DeleteFunc(sources, func(src net.HardwareAddr) bool {
			return !s.out && len(s.frame) > 12 && bytes.Equal(s.frame[6:12], src)
		})
		return len(sources) == 0
	})
	return err
}
