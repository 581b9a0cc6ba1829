package openstack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const (
	probeEvery = 2 * time.Millisecond // 500 packets a second
	lossWindow = 20 * time.Millisecond
	rounds     = 5 // with a stand-in
	calls      = 3 // without, which takes longer
)

// inSpace does something in a network namespace; sockets that it opens stay there.
func inSpace(space string, do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		f, err := os.Open("/run/netns/" + space)
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			f.Close()
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// A stream is numbered packets from one host to another.
type stream struct {
	from, to net.Conn
	stop     chan struct{}
	sending  sync.WaitGroup
	sent     uint64
	arrived  []bool // by number; read when the receiver has ended
	received sync.WaitGroup
}

// startStream sends from now on, until end.
func startStream(t *testing.T, from, to string, address netip.Addr) *stream {
	t.Helper()
	s := &stream{stop: make(chan struct{})}
	var packets net.PacketConn
	require.NoError(t, inSpace(to, func() (err error) { packets, err = net.ListenPacket("udp4", address.String()+":0"); return err }))
	require.NoError(t, inSpace(from, func() (err error) { s.from, err = net.Dial("udp4", packets.LocalAddr().String()); return err }))
	s.to = packets.(*net.UDPConn)
	s.received.Go(func() {
		buffer := make([]byte, 8)
		for {
			if _, _, err := packets.ReadFrom(buffer); err != nil {
				return
			}
			n := binary.BigEndian.Uint64(buffer)
			for uint64(len(s.arrived)) <= n {
				s.arrived = append(s.arrived, false)
			}
			s.arrived[n] = true
		}
	})
	s.sending.Go(func() {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		began := time.Now()
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
			for ; time.Duration(s.sent)*probeEvery < time.Since(began); s.sent++ { // a late tick sends what it owes
				_, _ = s.from.Write(binary.BigEndian.AppendUint64(nil, s.sent))
			}
		}
	})
	return s
}

// losses are what a stream has lost.
type losses struct {
	sent, lost int
	longest    time.Duration // the longest run of lost packets, those at its head and tail included
}

func (l losses) String() string {
	return fmt.Sprintf("%d of %d packets, longest window %v", l.lost, l.sent, l.longest)
}

// end stops a stream and says what was lost; what was under way has a second to arrive.
func (s *stream) end() (l losses) {
	close(s.stop)
	s.sending.Wait()
	time.Sleep(time.Second)
	s.to.Close()
	s.from.Close()
	s.received.Wait()
	return lossesOf(s.arrived, int(s.sent))
}

func lossesOf(arrived []bool, sent int) losses {
	l, run := losses{sent: sent}, 0
	for n := range sent {
		if n < len(arrived) && arrived[n] {
			run = 0
			continue
		}
		l.lost++
		run++
		l.longest = max(l.longest, time.Duration(run)*probeEvery)
	}
	return l
}

// both are the losses of two streams, and the longer of their windows.
func both(a, b losses) losses {
	return losses{a.sent + b.sent, a.lost + b.lost, max(a.longest, b.longest)}
}

func TestLossesAtHeadAndTailCount(t *testing.T) {
	t.Parallel()
	require.Equal(t, losses{6, 5, 3 * probeEvery}, lossesOf([]bool{false, false, true}, 6))
	require.Equal(t, losses{4, 0, 0}, lossesOf([]bool{true, true, true, true}, 4))
	require.Equal(t, losses{3, 3, 3 * probeEvery}, lossesOf(nil, 3))
}

// A range of a lab is a tenant with hosts on V and on Z, and an appliance beside the
// path between V and the gateway, ready to be put into it by one move.
type shooting struct {
	*bed
	t          *testing.T
	before     []topology.Step // what makes the appliance
	in, out    topology.Step
	spaces     [2]string // of the hosts on V and on Z
	addresses  [2]netip.Addr
	plug       topology.Plug
	router     string
	home, away string // networks in Neutron
}

func (s *shooting) step(step topology.Step) {
	s.t.Helper()
	tenant := s.tenants["acme"]
	if step.Verb == topology.Boot {
		require.NoError(s.t, s.d.Boot(s.t.Context(), tenant, *step.Appliance, cloud.Server{}), "%s", step)
		require.NoError(s.t, s.patch(s.t.Context(), "acme"))
		return
	}
	err := s.d.Do(s.t.Context(), tenant, step)
	var notYet *cloud.NotYet
	for until := time.Now().Add(time.Minute); errors.As(err, &notYet) && time.Now().Before(until); {
		time.Sleep(notYet.After)
		err = s.d.Do(s.t.Context(), tenant, step)
	}
	require.NoError(s.t, err, "%s", step)
}

// newRange plans the appliance, and makes nothing of it.
func newRange(t *testing.T) *shooting {
	t.Helper()
	d := onLab(t)
	s := &shooting{bed: labBed(t, d, "acme"), t: t}
	for i, name := range []string{"V", "Z"} {
		cidr := netip.MustParsePrefix(fmt.Sprintf("10.67.%d.0/24", i))
		require.NoError(t, s.CreateNetwork(t.Context(), "acme", topology.Network{ID: topology.NetworkID(name), Name: name, Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}))
		s.addresses[i] = netip.MustParseAddr(fmt.Sprintf("10.67.%d.9", i))
		require.NoError(t, s.CreateHost(t.Context(), "acme", cloud.Host{Name: name, Network: topology.NetworkID(name), Address: netip.PrefixFrom(s.addresses[i], 24)}))
		p, _, err := s.host(t.Context(), "acme", name)
		require.NoError(t, err)
		s.spaces[i] = hostSpace(p)
	}

	s.home = s.theirs("V")
	have, err := d.Observe(t.Context(), s.tenants["acme"])
	require.NoError(t, err)
	nics := []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}}
	fw := topology.Service{Instance: "fw", Name: "fw", Zones: topology.Bridged, NICs: nics, Stitches: []topology.Stitch{{Network: topology.NetworkID(s.home), Pair: 1, Rank: 1}}}
	want, err := topology.Compose(topology.Base(have), []topology.Service{fw})
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	last := len(steps) - 1
	require.Equal(t, topology.Move, steps[last].Verb, "%v", steps)
	for _, step := range steps[:last] {
		require.NotEqual(t, topology.Move, step.Verb, "%v", steps)
	}
	s.before, s.in = steps[:last], steps[last]
	back, ok := s.in.Inverse()
	require.True(t, ok)
	s.out = back
	for _, g := range have.Gateways {
		for _, p := range g.Plugs {
			if p.Port == s.in.Port {
				s.plug, s.router = p, string(g.ID)
			}
		}
	}
	require.NotEmpty(t, s.router)
	return s
}

func (s *shooting) build() {
	s.t.Helper()
	for _, step := range s.before {
		s.step(step)
	}
	v, err := s.d.look(s.t.Context(), s.tenants["acme"])
	require.NoError(s.t, err)
	s.away, err = v.neutron(s.in.To)
	require.NoError(s.t, err)
}

func (s *shooting) unbuild() {
	s.t.Helper()
	for _, step := range slices.Backward(s.before) {
		if back, ok := step.Inverse(); ok {
			s.step(back)
		}
	}
}

// during says what is lost while something is done, and until packets pass again, of
// packets each way.
func (s *shooting) during(do func()) losses {
	s.t.Helper()
	s.passing()
	there := startStream(s.t, s.spaces[0], s.spaces[1], s.addresses[1])
	back := startStream(s.t, s.spaces[1], s.spaces[0], s.addresses[0])
	time.Sleep(time.Second)
	do()
	s.passing()
	time.Sleep(time.Second)
	return both(there.end(), back.end())
}

// passing waits until a packet passes.
func (s *shooting) passing() {
	s.t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); {
		if _, err := run("ip", "netns", "exec", s.spaces[0], "ping", "-q", "-c", "1", "-W", "1", s.addresses[1].String()); err == nil {
			return
		}
	}
	require.FailNow(s.t, "no packet passes for a minute")
}

// carried is how many packets the appliance has counted since.
func (s *shooting) carried() int {
	s.t.Helper()
	f, err := s.d.Observe(s.t.Context(), s.tenants["acme"])
	require.NoError(s.t, err)
	count, err := counted(s.bed, f)
	require.NoError(s.t, err)
	sum := 0
	for _, n := range count {
		sum += n
	}
	return sum
}

// portAt is the port of the router that is on a network of Neutron's.
func (s *shooting) portAt(network string) string {
	s.t.Helper()
	found, err := s.d.ports(s.t.Context(), query{"network_id": {network}, "device_id": {s.router}})
	require.NoError(s.t, err)
	require.Len(s.t, found, 1)
	return found[0].ID
}

// unplug and plug are the two calls by hand.
func (s *shooting) unplug(port string) {
	s.t.Helper()
	_, err := routers.RemoveInterface(s.t.Context(), s.d.network, s.router, routers.RemoveInterfaceOpts{PortID: port}).Extract()
	require.NoError(s.t, err)
}

func (s *shooting) plugIn(port string) {
	s.t.Helper()
	_, err := routers.AddInterface(s.t.Context(), s.d.network, s.router, routers.AddInterfaceOpts{PortID: port}).Extract()
	require.NoError(s.t, err)
}

// foundingOrder puts the appliance into the path and takes it out in the order that
// comes to mind first: unplug, make and boot, plug.
func (s *shooting) foundingOrder() (in, out losses) {
	s.t.Helper()
	in = s.during(func() {
		s.unplug(s.portAt(s.home))
		s.build()
		s.plugIn(s.makePort(s.away))
	})
	out = s.during(func() {
		s.unplug(s.portAt(s.away))
		s.unbuild()
		s.plugIn(s.makePort(s.home))
	})
	return in, out
}

// bare moves the plug by hand with all prepared: on the way back the port cannot be.
func (s *shooting) bare() (in, out losses) {
	s.t.Helper()
	old, fresh := s.portAt(s.home), s.makePort(s.away)
	in = s.during(func() { s.unplug(old); s.plugIn(fresh) })
	out = s.during(func() { s.unplug(fresh); s.plugIn(s.makePort(s.home)) })
	return in, out
}

// driven moves it by the driver; the appliance's own counters say whether it carries
// what passes.
func (s *shooting) driven() (in, out losses) {
	s.t.Helper()
	in = s.during(func() { s.step(s.in) })
	before, flow := s.carried(), s.during(func() {})
	require.GreaterOrEqual(s.t, s.carried()-before, (flow.sent-flow.lost)*4/10, "the appliance carries what arrives; %v lost", flow)
	out = s.during(func() { s.step(s.out) })
	before, flow = s.carried(), s.during(func() {})
	require.Less(s.t, s.carried()-before, flow.sent/10, "the appliance carries nothing of it any more")
	return in, out
}

// makePort makes a port for the router, not yet its.
func (s *shooting) makePort(network string) string {
	s.t.Helper()
	pages, err := subnets.List(s.d.network, subnets.ListOpts{NetworkID: network}).AllPages(s.t.Context())
	require.NoError(s.t, err)
	ranges, err := subnets.ExtractSubnets(pages)
	require.NoError(s.t, err)
	ip := map[string]any{"subnet_id": ranges[0].ID, "ip_address": s.plug.Addresses[0].Addr().String()}
	p, err := ports.Create(s.t.Context(), s.d.network, wanted{"network_id": network, "project_id": string(s.tenants["acme"]), "mac_address": s.plug.MAC, "fixed_ips": []any{ip}, "port_security_enabled": false}).Extract()
	require.NoError(s.t, err)
	return p.ID
}

func median[T time.Duration | float64](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// What a move costs, in one run: by the order that comes to mind first, by the two calls
// alone, by the driver with the same calls, and where there is a northbound database by
// the driver with a stand-in.
func TestCutoverOnALab(t *testing.T) {
	s := newRange(t)
	in, out := s.foundingOrder()
	t.Logf("unplug, boot, plug: insertion %v; removal %v", in, out)
	s.build()
	north := s.d.north
	s.d.north = nil
	var alone, driven []time.Duration
	for range calls {
		in, out := s.bare()
		t.Logf("two calls alone:    insertion %v; removal %v", in, out)
		alone = append(alone, in.longest, out.longest)
		in, out = s.driven()
		t.Logf("cutover: api        insertion %v; removal %v", in, out)
		driven = append(driven, in.longest, out.longest)
	}
	ratio := float64(median(driven)) / float64(median(alone))
	t.Logf("cutover: api takes %.2f times the two calls alone (medians %v and %v)", ratio, median(driven), median(alone))
	require.LessOrEqual(t, ratio, 1.2)
	require.Less(t, median(driven), min(in.longest, out.longest), "the founding order is the worst")

	if s.d.north = north; north == nil {
		s.unbuild()
		t.Log("NOT TESTED: cutover: ovn, for " + labNorth + " names no northbound database")
		return
	}
	var windows []time.Duration
	for range rounds {
		in, out := s.driven()
		t.Logf("cutover: ovn        insertion %v; removal %v", in, out)
		windows = append(windows, in.longest, out.longest)
	}
	left, err := north.Left(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	s.unbuild()
	t.Logf("cutover: ovn's longest window without packets: median %v, greatest %v", median(windows), slices.Max(windows))
	require.Less(t, median(windows), lossWindow)
}
