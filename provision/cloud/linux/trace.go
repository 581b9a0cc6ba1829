//go:build linux

package linux

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Patience with one traced packet, and with all of them.
const (
	echoPatience  = 250 * time.Millisecond
	tracePatience = 1500 * time.Millisecond
)

// Trace sends echo requests from a host to its gateway and watches all links of
// the fabric for them. See cloud.Testbed.
//
// An appliance counts as passed when the request went in at one of its legs and
// came out of another. The first request that is answered only teaches: until
// every bridge knows where the gateway is, a frame is flooded into places that
// are not on its way. The next one is looked at. When none is answered, passed is
// as far as the last one came. Nothing is asked by ARP first, so that a way that
// is blocked is followed up to where it is.
func (c *Cloud) Trace(ctx context.Context, tenant topology.TenantID, host string) (passed []topology.ApplianceID, reached bool, err error) {
	return c.TraceTo(ctx, tenant, host, cloud.Target{})
}

// TraceTo is Trace to another host or a certain gateway. See cloud.Testbed.
func (c *Cloud) TraceTo(ctx context.Context, tenant topology.TenantID, host string, to cloud.Target) (passed []topology.ApplianceID, reached bool, err error) {
	f, err := c.Observe(ctx, tenant)
	if err != nil {
		return nil, false, err
	}
	e, err := c.openTrace(ctx, f, host, to)
	if err != nil {
		return nil, false, err
	}
	defer e.close()
	until := time.Now().Add(tracePatience)
	for answered := 0; answered < 2 && time.Now().Before(until); {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		if passed, reached, err = e.send(); err != nil {
			return nil, false, err
		}
		if reached {
			answered++
		}
	}
	return passed, reached, nil
}

// trace is a host's link and a watch over its tenant's fabric.
type trace struct {
	host     *socket
	fabric   *socket
	legs     map[int]topology.ApplianceID // by link
	mac, via net.HardwareAddr
	from, to netip.Addr
	id       [2]byte // of its echo requests
}

// flowOf is the id of the echo requests between two addresses, always the same: a
// tracer's packets are one flow, and a flow keeps the member that it was given.
func flowOf(from, to netip.Addr) [2]byte {
	h := sha256.Sum256(fmt.Appendf(nil, "%s %s", from, to))
	return [2]byte(h[:2])
}

// filter passes this trace's requests and their answers only: the tenant's own may
// be so many that ours would find no room in the socket's queue.
func (e *trace) filter() []unix.SockFilter {
	protocol, id := octet{14 + 9, 1}, uint32(14+20+4)
	ether := uint16(etherIPv4)
	if e.to.Is6() {
		protocol, id, ether = octet{14 + 6, 58}, 14+40+4, etherIPv6
	}
	return only(ether, protocol, octet{id, uint32(e.id[0])}, octet{id + 1, uint32(e.id[1])})
}

func (c *Cloud) openTrace(ctx context.Context, f topology.Fabric, host string, to cloud.Target) (*trace, error) {
	hosts, err := c.Hosts(ctx, f.Tenant)
	if err != nil {
		return nil, err
	}
	named := func(name string) int {
		return slices.IndexFunc(hosts, func(h cloud.Host) bool { return h.Name == name })
	}
	i := named(host)
	if i < 0 {
		return nil, fault.New(fault.NotFound, "tenant %q has no host %q", f.Tenant, host)
	}
	e := &trace{legs: map[int]topology.ApplianceID{}, from: hosts[i].Address.Addr()}
	if e.to, e.via, err = gatewayOf(f, hosts[i], to.Gateway); err != nil {
		return nil, err
	}
	if to.Host != "" {
		other := named(to.Host)
		if other < 0 {
			return nil, fault.New(fault.NotFound, "tenant %q has no host %q", f.Tenant, to.Host)
		}
		e.to = hosts[other].Address.Addr()
		if e.to.Is4() != e.from.Is4() || hosts[other].Network == hosts[i].Network {
			return nil, fault.New(fault.Invalid, "no gateway is between hosts %q and %q", host, to.Host)
		}
	}
	e.id = flowOf(e.from, e.to)
	filter := e.filter()
	err = c.within(c.hostName(f.Tenant, host), func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		e.mac = l.Attrs().HardwareAddr
		e.host, err = openSocket(l.Attrs().Index, filter)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cannot send from host %q: %w", host, err)
	}
	err = c.withFabric(f.Tenant, func(v *view) error {
		for _, l := range v.all(kindLeg) {
			owner, err := facts[legFacts](l.tag)
			if err != nil {
				return err
			}
			e.legs[l.index()] = owner.Appliance
		}
		e.fabric, err = openSocket(0, filter)
		return err
	})
	if err != nil {
		e.host.close()
		return nil, err
	}
	return e, nil
}

// gatewayOf is where a host's packets go: an address of its network's gateway, of the
// one that it uses or of a certain one, and the MAC address that has it.
func gatewayOf(f topology.Fabric, h cloud.Host, certain topology.GatewayID) (netip.Addr, net.HardwareAddr, error) {
	uses := func(g topology.Gateway, a netip.Addr) bool {
		return g.ID == certain || certain == "" && slices.ContainsFunc(f.Networks, func(n topology.Network) bool {
			return n.ID == h.Network && slices.ContainsFunc(n.Subnets, func(s topology.Subnet) bool { return s.Gateway == a })
		})
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			for _, a := range p.Addresses {
				if p.Home == h.Network && a.Contains(h.Address.Addr()) && uses(g, a.Addr()) {
					mac, err := net.ParseMAC(p.MAC)
					return a.Addr(), mac, err
				}
			}
		}
	}
	return netip.Addr{}, nil, fault.New(fault.NotFound, "host %q has no gateway for its address %s", h.Name, h.Address)
}

func (e *trace) close() {
	e.host.close()
	e.fabric.close()
}

// send sends one request, waits for its answer, and reads what was seen of it.
func (e *trace) send() (passed []topology.ApplianceID, reached bool, err error) {
	marker := make([]byte, 32)
	rand.Read(marker)
	if err := e.host.send(echoRequest(e.mac, e.via, e.from, e.to, e.id, marker)); err != nil {
		return nil, false, fmt.Errorf("cannot send an echo request: %w", err)
	}
	reached, err = e.host.receive(time.Now().Add(echoPatience), func(s sighting) bool {
		return !s.out && !isEchoRequest(s.frame) && bytes.Contains(s.frame, marker)
	})
	if err != nil {
		return nil, false, err
	}
	entered := map[topology.ApplianceID]int{} // by which leg
	_, err = e.fabric.receive(time.Now(), func(s sighting) bool {
		a, ours := e.legs[s.index]
		if !ours || !isEchoRequest(s.frame) || !bytes.Contains(s.frame, marker) {
			return false
		}
		leg, in := entered[a]
		switch {
		case s.out && !in:
			entered[a] = s.index
		case !s.out && in && leg != s.index && !slices.Contains(passed, a):
			passed = append(passed, a)
		}
		return false
	})
	return passed, reached, err
}
