//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// An announcement says on the wire that a gateway's addresses are to be found
// where it is now. Bridges, those inside appliances too, learned the gateway's
// MAC address where it was; until they hear from it elsewhere they send its
// frames the old way, about two seconds by measurement.
//
// It is sent out of the gateway's own interface, so it travels the way that all
// the gateway's frames do: through the whole chain to the hosts, teaching each
// bridge on its way. That is why moving a leg in the middle of a chain is
// announced by the gateway as well, and by nobody else: hosts did not move, and
// what is not known about them is flooded.
type announcement struct {
	sockets []*socket
	frames  [][][]byte // by socket
}

// prepareAnnouncement opens the sockets and builds the frames, so that nothing
// is left to do after the move but to send.
func (v *view) prepareAnnouncement(ports []gatePort) (*announcement, error) {
	a := &announcement{}
	for _, p := range ports {
		err := v.cloud.within(v.cloud.gatewayName(v.tenant, p.gateway), func() error { return a.add(p.port) })
		if err != nil {
			a.close()
			return nil, fmt.Errorf("cannot announce port %q: %w", p.port, err)
		}
	}
	return a, nil
}

func (a *announcement) add(p topology.PortID) error {
	l, err := netlink.LinkByName(linkName(kindFarEnd, string(p)))
	if err != nil {
		return err
	}
	addresses, err := addressesByLink()
	if err != nil {
		return err
	}
	s, err := openSocket(l.Attrs().Index, onlyARP())
	if err != nil {
		return err
	}
	a.sockets = append(a.sockets, s)
	mac := l.Attrs().HardwareAddr
	var frames [][]byte
	for _, p := range addresses[l.Attrs().Index] {
		frames = append(frames, announce(p.Addr(), mac))
	}
	if len(frames) == 0 {
		frames = append(frames, arpProbe(broadcast(), mac)) // bridges learn from it all the same
	}
	a.frames = append(a.frames, frames)
	return nil
}

func announce(a netip.Addr, mac []byte) []byte {
	if a.Is4() {
		return arpAnnouncement(mac, a)
	}
	return neighborAnnouncement(mac, a)
}

func (a *announcement) send() error {
	var errs []error
	for i, s := range a.sockets {
		for _, f := range a.frames[i] {
			errs = append(errs, s.send(f))
		}
	}
	return errors.Join(errs...)
}

func (a *announcement) close() {
	for _, s := range a.sockets {
		s.close()
	}
}
