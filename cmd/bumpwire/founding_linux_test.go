//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// estate is the founding tenant on a site: networks V, X and Z behind one gateway
// with a host on each, echo requests from each of them all the time, and the two real services to be had, each with one of its plans.
type estate struct {
	*site
	fw, wo api.OSBProvision
	base   topology.Fabric
	pings  map[string]*pinger
	events []event // what was asked and what ended, for whoever looks for the cause of a loss
}

type event struct {
	at   time.Time
	what string
}

func (e *estate) note(format string, args ...any) {
	e.events = append(e.events, event{time.Now(), fmt.Sprintf(format, args...)})
}

// pingRate is what a guest under software emulation carries beside two others on a
// busy machine, in each direction of two networks.
const pingRate = 200

// hurt is how many requests a network may lose in all the changes of a test: a
// quarter of a second's. A guest that the machine lets stand still in the middle of a
// swap, for longer than is waited for, keeps what is inside it. Calls in another order
// lose seconds for every change. That a guest which runs loses nothing is measured by
// the benchmarks.
const hurt = pingRate / 4

func newEstate(t *testing.T, firewall string) *estate {
	t.Helper()
	e := &estate{site: newSite(t), pings: map[string]*pinger{}}
	e.start()
	for n, id := range []string{"V", "X", "Z"} {
		_, err := e.admin.CreateNetwork(t.Context(), "acme", api.Network{ID: id, CIDR: fmt.Sprintf("10.%d.0.0/24", n+1)})
		require.NoError(t, err)
		host := api.Host{Name: "h" + id, Network: id, Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n + 1), 0, 11}), 24)}
		_, err = e.admin.CreateHost(t.Context(), "acme", host)
		require.NoError(t, err)
	}
	e.base = e.observe()
	e.fw = e.offer(firewall, `{"networks":["V","X"],"firewall.block-tcp-ports":"23"}`)
	// What fails stays as it is: the test itself takes everything away.
	e.wo = e.offer(realOptimiser(t), `{"networks":["X"],"nearest":"hosts","failure":"closed","availability":"none"}`)
	for _, id := range []string{"V", "X", "Z"} {
		require.NoError(t, e.cloud.InHost(t.Context(), "acme", "h"+id, func() (err error) {
			e.pings[id], err = listenPing(net.ParseIP(linux.PublicIPv4), pingRate)
			return err
		}))
		e.pings[id].start(t.Context())
	}
	return e
}

// realOptimiser is the other OVA that testdata/appliance builds, out of the same guest.
func realOptimiser(t *testing.T) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(realAppliance(t)), "bumpwire-optimiser.ova")
	if _, err := os.Stat(path); err != nil {
		text := "NOT TESTED: there is no WAN optimiser; run testdata/appliance/build"
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return path
}

// offer publishes a package and accepts its licences for the tenant.
func (e *estate) offer(path, parameters string) api.OSBProvision {
	e.t.Helper()
	ctx := e.t.Context()
	f, size, err := openUpload(path)
	require.NoError(e.t, err)
	defer f.Close()
	pushed, err := e.admin.Push(ctx, "demo-vendor", f, size, nil)
	require.NoError(e.t, err)
	published, err := e.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{})
	require.NoError(e.t, err)
	var digests []string
	for _, l := range published.EULAs {
		digests = append(digests, l.Digest)
	}
	_, err = e.admin.Accept(ctx, api.NewAcceptance{Tenant: "acme", Digests: digests})
	require.NoError(e.t, err)
	return api.OSBProvision{ServiceID: string(published.ID), PlanID: string(published.Plans[0].ID),
		OrganizationGUID: "acme", SpaceGUID: "s", Parameters: []byte(parameters)}
}

func (e *estate) observe() topology.Fabric {
	e.t.Helper()
	f, err := e.cloud.Observe(e.t.Context(), "acme")
	require.NoError(e.t, err)
	return f
}

// shape is the fabric without the management addresses, which are handed out in
// the order of requests.
func (e *estate) shape() topology.Fabric {
	f := e.observe()
	for _, a := range f.Appliances {
		for n := range a.Legs {
			a.Legs[n].Address = netip.Prefix{}
		}
	}
	return f
}

// order asks the platform's way; the answer waits for the end.
func (e *estate) order(id string, o api.OSBProvision) (done func()) {
	e.t.Helper()
	e.note("ordered %s", id)
	a, err := e.osb.Provision(e.t.Context(), id, o)
	require.NoError(e.t, err)
	return func() { e.t.Helper(); e.succeeds(id, a.Operation); e.note("%s is in", id) }
}

func (e *estate) remove(id string, o api.OSBProvision) {
	e.t.Helper()
	e.note("removing %s", id)
	a, err := e.osb.Deprovision(e.t.Context(), id, o.ServiceID, o.PlanID)
	require.NoError(e.t, err)
	e.succeeds(id, a.Operation)
	e.note("%s is out", id)
}

func (e *estate) succeeds(id, operation string) {
	e.t.Helper()
	l, err := e.osb.Wait(e.t.Context(), id, operation, nil)
	require.NoError(e.t, err)
	require.Equal(e.t, api.Succeeded, l.State, l.Description)
}

// ways says what a packet of each network really passes.
func (e *estate) ways(v, x, z string) {
	e.t.Helper()
	for network, want := range map[string]string{"V": v, "X": x, "Z": z} {
		passed, reached := e.trace("h" + network)
		require.True(e.t, reached, network)
		names := []string{network}
		for _, a := range passed {
			names = append(names, string(a))
		}
		require.Equal(e.t, want, strings.Join(append(names, "gateway"), " → "))
	}
}

// trace sends packets until one is answered: on a machine that does much else a
// guest may stand still for longer than a packet is waited for.
func (e *estate) trace(host string) (passed []topology.ApplianceID, reached bool) {
	e.t.Helper()
	for range 5 {
		var err error
		passed, reached, err = e.cloud.Trace(e.t.Context(), "acme", host)
		require.NoError(e.t, err)
		if reached {
			break
		}
	}
	return passed, reached
}

// counted are the packets that came into each NIC of an appliance so far, as it says
// itself to a login of its own.
func (e *estate) counted(id string, o api.OSBProvision) map[string]int {
	e.t.Helper()
	ctx, binding := e.t.Context(), fmt.Sprintf("%s-%d", id, time.Now().UnixNano())
	b, err := e.osb.Bind(ctx, id, binding, api.OSBBind{ServiceID: o.ServiceID, PlanID: o.PlanID})
	require.NoError(e.t, err)
	_, err = e.osb.WaitBinding(ctx, id, binding, b.Operation, nil)
	require.NoError(e.t, err)
	b, err = e.osb.GetBinding(ctx, id, binding)
	require.NoError(e.t, err)
	conn, err := e.cloud.Dial(ctx, "acme", netip.AddrPortFrom(netip.MustParseAddr(b.Credentials.Host), uint16(b.Credentials.Port)))
	require.NoError(e.t, err)
	defer conn.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Credentials.URI+"/counters", nil)
	require.NoError(e.t, err)
	r.SetBasicAuth(b.Credentials.Username, b.Credentials.Password)
	require.NoError(e.t, r.Write(conn))
	text, err := io.ReadAll(conn)
	require.NoError(e.t, err)
	_, body, _ := strings.Cut(string(text), "\r\n\r\n")
	var answer struct {
		Interfaces map[string]struct {
			Packets int `json:"rx_packets"`
		} `json:"interfaces"`
	}
	require.NoError(e.t, json.Unmarshal([]byte(body), &answer), "%s", text)
	list := map[string]int{}
	for nic, c := range answer.Interfaces {
		list[nic] = c.Packets
	}
	return list
}

// carries says by the appliance's own counters that each of the NICs takes in at
// least so many packets more.
func (e *estate) carries(id string, o api.OSBProvision, least int, nics ...string) {
	e.t.Helper()
	before := e.counted(id, o)
	require.Eventually(e.t, func() bool {
		after := e.counted(id, o)
		return !slices.ContainsFunc(nics, func(nic string) bool { return after[nic]-before[nic] < least })
	}, 2*time.Minute, time.Second, "%v of %s", nics, id)
}

// mark is the DiffServ code point that the public server sees on a packet of a
// network's host.
func (e *estate) mark(network string) int {
	e.t.Helper()
	var public *net.UDPConn
	require.NoError(e.t, e.cloud.InGateway(e.t.Context(), "acme", func() (err error) {
		public, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(linux.PublicIPv4)})
		return err
	}))
	defer public.Close()
	raw, err := public.SyscallConn()
	require.NoError(e.t, err)
	require.NoError(e.t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1) }))
	require.NoError(e.t, err)
	require.NoError(e.t, e.cloud.InHost(e.t.Context(), "acme", "h"+network, func() error {
		conn, err := net.Dial("udp4", public.LocalAddr().String())
		if err == nil {
			_, err = conn.Write([]byte("marked?"))
			conn.Close()
		}
		return err
	}))
	oob := make([]byte, 128)
	require.NoError(e.t, public.SetReadDeadline(time.Now().Add(time.Minute)))
	_, n, _, _, err := public.ReadMsgUDP(make([]byte, 64), oob)
	require.NoError(e.t, err)
	list, err := unix.ParseSocketControlMessage(oob[:n])
	require.NoError(e.t, err)
	require.NotEmpty(e.t, list)
	return int(list[0].Data[0] >> 2)
}

// blocks says whether the firewall keeps a network's host from a port at which
// somebody listens.
func (e *estate) blocks(network string) bool {
	e.t.Helper()
	ctx, address := e.t.Context(), net.JoinHostPort(linux.PublicIPv4, "23")
	var server *streamServer
	require.NoError(e.t, e.cloud.InGateway(ctx, "acme", func() (err error) {
		server, err = serveStream(address)
		return err
	}))
	defer server.close()
	through := false
	require.NoError(e.t, e.cloud.InHost(ctx, "acme", "h"+network, func() (err error) {
		through, err = connects(ctx, address, 5*time.Second) // a first SYN that is lost is sent again after a second
		return err
	}))
	return !through
}

// endsUnhurt ends the pings: next to no request of any network had no answer; see hurt.
func (e *estate) endsUnhurt() {
	e.t.Helper()
	for network, p := range e.pings {
		p.close(time.Second)
		sent, lost := p.count(time.Time{}, time.Now())
		e.t.Logf("network %s: %d of %d echo requests lost", network, lost, sent)
		require.LessOrEqual(e.t, lost, hurt, "network %s: %s", network, e.when(p))
	}
	e.pings = nil
}

// when tells what a ping lost since which event.
func (e *estate) when(p *pinger) string {
	var b strings.Builder
	for i, from := range e.events {
		to := time.Now()
		if i+1 < len(e.events) {
			to = e.events[i+1].at
		}
		for _, at := range p.unanswered(from.at, to) {
			fmt.Fprintf(&b, "\n%8.3f s after %q (of %.3f s)", at.Sub(from.at).Seconds(), from.what, to.Sub(from.at).Seconds())
		}
	}
	return b.String()
}

// The founding use case with guests that really boot, asked for by a platform: a
// firewall on V and X, a WAN optimiser on X between the hosts and the firewall, Z
// untouched. The firewall comes first and the optimiser later, the firewall goes and
// comes again, both are asked for at the same time, and both are made in one plan
// after everything was taken away behind the broker's back.
func TestFoundingUseCaseWithRealAppliances(t *testing.T) {
	e := newEstate(t, realAppliance(t))
	e.order("fw", e.fw)()
	e.ways("V → fw → gateway", "X → fw → gateway", "Z → gateway")
	e.order("wo", e.wo)()
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")
	both := e.shape()
	e.carries("fw", e.fw, pingRate, "inside1", "outside1", "inside2", "outside2")
	e.carries("wo", e.wo, pingRate, "inside1", "outside1")
	require.Equal(t, []int{0, 18, 0}, []int{e.mark("V"), e.mark("X"), e.mark("Z")})
	require.Equal(t, []bool{true, true, false}, []bool{e.blocks("V"), e.blocks("X"), e.blocks("Z")})

	e.remove("fw", e.fw)
	e.ways("V → gateway", "X → wo → gateway", "Z → gateway")
	require.False(t, e.blocks("X"))
	e.order("fw", e.fw)() // after the optimiser
	require.Equal(t, both, e.shape())
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")
	e.remove("wo", e.wo)
	e.ways("V → fw → gateway", "X → fw → gateway", "Z → gateway")
	e.remove("fw", e.fw)
	require.Equal(t, e.base, e.observe(), "the tenant has what it had")

	first, second := e.order("wo", e.wo), e.order("fw", e.fw)
	first()
	second()
	require.Equal(t, both, e.shape())
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")

	e.takeAway()
	e.ways("V → gateway", "X → gateway", "Z → gateway")
	e.repaired("founding-pairs.plan")
	require.Equal(t, both, e.shape())
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")
	e.carries("fw", e.fw, pingRate, "inside1", "outside1", "inside2", "outside2")

	e.remove("fw", e.fw)
	e.remove("wo", e.wo)
	require.Equal(t, e.base, e.observe())
	require.Zero(t, e.count("process"))
	e.endsUnhurt()
}

// The form of the founding drawing: a firewall that keeps zones apart has one
// outside leg, and both of the gateway's plugs are in the one segment G behind it.
func TestFoundingUseCaseWithOneSharedSegment(t *testing.T) {
	e := newEstate(t, sharing(t, realAppliance(t)))
	first, second := e.order("fw", e.fw), e.order("wo", e.wo)
	first()
	second()
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")
	both := e.shape()
	plugs := both.Gateways[0].Plugs
	require.Equal(t, plugs[0].At, plugs[1].At, "one G")
	e.carries("fw", e.fw, pingRate, "inside1", "inside2")
	e.carries("fw", e.fw, 2*pingRate, "outside1")
	require.Equal(t, []bool{true, true, false}, []bool{e.blocks("V"), e.blocks("X"), e.blocks("Z")})
	require.Equal(t, []int{0, 18}, []int{e.mark("V"), e.mark("X")})

	e.takeAway()
	e.repaired("founding-shared.plan")
	require.Equal(t, both, e.shape())
	e.ways("V → fw → gateway", "X → wo → fw → gateway", "Z → gateway")
	e.remove("fw", e.fw)
	e.ways("V → gateway", "X → wo → gateway", "Z → gateway")
	e.remove("wo", e.wo)
	require.Equal(t, e.base, e.observe())
	e.endsUnhurt()
}

// takeAway removes all services from the cloud behind the broker's back, in safe
// steps.
func (e *estate) takeAway() {
	e.t.Helper()
	have := e.observe()
	steps, err := topology.Plan(have, topology.Base(have))
	require.NoError(e.t, err)
	for _, s := range steps {
		require.NoError(e.t, e.cloud.Do(e.t.Context(), "acme", s))
	}
	require.Equal(e.t, e.base, e.observe())
}

// repaired has the broker make what is missing, in one change whose steps are those
// of a golden file.
func (e *estate) repaired(golden string) {
	e.t.Helper()
	found, err := e.admin.RepairOrphans(e.t.Context())
	require.NoError(e.t, err)
	require.Len(e.t, found, 1)
	var c api.Change
	require.Eventually(e.t, func() bool {
		c, err = e.admin.Change(e.t.Context(), found[0].Repair)
		return err == nil && !c.Finished.IsZero()
	}, 2*time.Minute, 100*time.Millisecond)
	require.Equal(e.t, "done", c.Status, c.Error)
	var text strings.Builder
	for n, task := range c.Tasks {
		if task.Kind == "grant" { // logins of bindings, made anew
			break
		}
		fmt.Fprintf(&text, "%2d. %s\n", n+1, task.Summary)
	}
	path := filepath.Join("testdata", golden)
	if *update {
		require.NoError(e.t, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(e.t, err)
	require.Equal(e.t, string(want), text.String())
}

// sharing is the firewall's package for an appliance that keeps zones apart: with
// one outside NIC for two networks.
func sharing(t *testing.T, ova string) string {
	t.Helper()
	return edited(t, ova, func(text string) string {
		from := strings.Index(text, `<rasd:Connection>outside-2</rasd:Connection>`)
		require.Positive(t, from)
		start, end := strings.LastIndex(text[:from], "<ovf:Item>"), from+strings.Index(text[from:], "</ovf:Item>")+len("</ovf:Item>")
		text = text[:start] + text[end:]
		for old, next := range map[string]string{
			`<bw:Leg instanceID="15" role="outside" pair="2"/>`: "",
			`zones="bridged"`:                                   `zones="isolated"`,
			`<ovf:Network ovf:name="outside-2">`:                `<ovf:Network ovf:name="unused">`,
			`<ovf:Product>Bumpwire Demo Firewall</ovf:Product>`: `<ovf:Product>Bumpwire Demo Gatekeeper</ovf:Product>`,
			`<ovf:Name>Bumpwire Demo Firewall</ovf:Name>`:       `<ovf:Name>Bumpwire Demo Gatekeeper</ovf:Name>`,
		} {
			require.Contains(t, text, old)
			text = strings.ReplaceAll(text, old, next)
		}
		return text
	})
}
