//go:build linux

package linux

import (
	"context"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// patchbay is a launcher whose appliances are bridges: a leg is a veth, whose
// other end is patched to the other leg's of its pair when the machine starts. With
// one outside leg for several inside ones all are patched together, and the inside
// ones are kept from each other.
type patchbay struct{}

func (patchbay) nic(name string) netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	veth := netlink.NewVeth(attrs)
	veth.PeerName = socketName(name)
	return veth
}

// socketName is the appliance's end of a leg.
func socketName(leg string) string { return "s" + leg[1:] }

func wirePrefix(m machine) string { return "w-" + digest(string(m.ID))[:8] + "-" }

func (p patchbay) start(_ context.Context, m machine, _ cloud.Server) error {
	inside, outside := 0, 0
	for _, l := range m.Legs {
		switch l.Role {
		case topology.Inside:
			inside++
		case topology.Outside:
			outside++
		}
	}
	shared := outside == 1 && inside > 1
	for _, l := range m.Legs {
		if l.Role != topology.Inside && l.Role != topology.Outside {
			continue
		}
		name := fmt.Sprintf("%s%d", wirePrefix(m), l.Pair)
		if shared {
			name = wirePrefix(m) + "0"
		}
		if err := patch(l, name, shared && l.Role == topology.Inside); err != nil {
			return err
		}
	}
	return p.started(m)
}

// started marks a machine whose legs are all patched: one that was begun and not
// finished does not run.
func (p patchbay) started(m machine) error {
	wires, err := p.wires(m)
	if len(wires) == 0 {
		return err
	}
	return netlink.LinkSetAlias(wires[0], fmt.Sprintf("start %d", m.Start))
}

// patch joins a leg to a wire, which it makes where there is none.
func patch(l topology.Leg, name string, isolated bool) error {
	wire, err := netlink.LinkByName(name)
	if err != nil {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		off := false
		wire = &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &off}
		if err := netlink.LinkAdd(wire); err != nil {
			return err
		}
	}
	end, err := netlink.LinkByName(socketName(legName(l.Port)))
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMaster(end, wire); err != nil {
		return err
	}
	if isolated {
		if err := netlink.LinkSetIsolated(end, true); err != nil {
			return err
		}
	}
	for _, l := range []netlink.Link{end, wire} {
		if err := netlink.LinkSetUp(l); err != nil {
			return err
		}
	}
	return nil
}

func (p patchbay) wires(m machine) (out []netlink.Link, err error) {
	links, err := netlink.LinkList()
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, wirePrefix(m)) {
			out = append(out, l)
		}
	}
	return out, err
}

func (p patchbay) running(m machine) (start int, ok bool, err error) {
	wires, err := p.wires(m)
	for _, w := range wires {
		if n, _ := fmt.Sscanf(w.Attrs().Alias, "start %d", &start); n == 1 {
			return start, true, nil
		}
	}
	return 0, false, err
}

func (p patchbay) stop(_ context.Context, m machine) error {
	wires, err := p.wires(m)
	for _, w := range wires {
		if err := netlink.LinkDel(w); err != nil {
			return err
		}
	}
	return err
}

func (patchbay) processes(map[string]topology.TenantID) ([]cloud.Resource, error) { return nil, nil }
func (patchbay) sweep(context.Context) error                                      { return nil }
func (patchbay) check(context.Context) []cloud.Problem                            { return nil }
