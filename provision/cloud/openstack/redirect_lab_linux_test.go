package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// exchanged is how many packets of a conversation go each way.
const exchanged = 60

// A bend is a tenant on a lab with two networks behind a router, and how packets are
// sent between their hosts.
type bend struct {
	t *testing.T
	b *bed
}

func newBend(t *testing.T, hosts map[string]string) *bend {
	t.Helper()
	d := onLab(t)
	if d.north == nil {
		t.Skip("NOT TESTED: this lab has no ML2/OVN; OPENSTACK_LAB_NET=ovn make test-openstack starts one")
	}
	x := &bend{t, labBed(t, d, "acme")}
	for n, id := range []topology.NetworkID{"V", "X"} {
		var ranges []topology.Subnet
		for _, text := range []string{fmt.Sprintf("10.67.%d.0/24", n+1), fmt.Sprintf("fd67:%d::/64", n+1)} {
			r := netip.MustParsePrefix(text)
			ranges = append(ranges, topology.Subnet{CIDR: r, Gateway: r.Addr().Next()})
		}
		require.NoError(t, x.b.CreateNetwork(t.Context(), "acme", topology.Network{ID: id, Name: string(id), Subnets: ranges}))
	}
	for name, address := range hosts {
		require.NoError(t, x.b.CreateHost(t.Context(), "acme", cloud.Host{Name: name, Network: topology.NetworkID(strings.ToUpper(name[:1])), Address: netip.MustParsePrefix(address)}))
	}
	return x
}

// host is a host's namespace and address.
func (x *bend) host(name string) (space string, address netip.Addr) {
	x.t.Helper()
	p, h, err := x.b.host(x.t.Context(), "acme", name)
	require.NoError(x.t, err)
	return hostSpace(p), h.Address.Addr()
}

// exchange has one host ask another one so many times at a port, and says how many of
// the answers came.
func (x *bend) exchange(from, to string, port uint16) (answers int) {
	x.t.Helper()
	near, _ := x.host(from)
	far, address := x.host(to)
	at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, port))
	var server, client *net.UDPConn
	require.NoError(x.t, inSpace(far, func() (err error) { server, err = net.ListenUDP("udp", at); return err }))
	defer server.Close()
	go func() {
		buffer := make([]byte, 64)
		for {
			n, who, err := server.ReadFromUDP(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteToUDP(buffer[:n], who)
		}
	}()
	require.NoError(x.t, inSpace(near, func() (err error) { client, err = net.DialUDP("udp", nil, at); return err }))
	defer client.Close()
	buffer := make([]byte, 64)
	for range exchanged {
		_, _ = client.Write([]byte("?"))
		require.NoError(x.t, client.SetReadDeadline(time.Now().Add(time.Second)))
		if _, err := client.Read(buffer); err == nil {
			answers++
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			return answers
		}
	}
	return answers
}

// members are those that a conversation passes, each both ways; packets have to arrive.
func (x *bend) members(from, to string, port uint16) (list []topology.ApplianceID) {
	x.t.Helper()
	for until := time.Now().Add(time.Minute); ; {
		before := x.counted()
		answers := x.exchange(from, to, port)
		after := x.counted()
		if answers < exchanged && time.Now().Before(until) {
			continue // agents follow the database when they come to it
		}
		require.Equal(x.t, exchanged, answers, "%s to %s", from, to)
		for a, ways := range after {
			in, out := ways[0]-before[a][0] >= exchanged, ways[1]-before[a][1] >= exchanged
			require.Equal(x.t, in, out, "%s to %s passes %s one way only: %v, %v", from, to, a, before[a], ways)
			if in {
				list = append(list, a)
			}
		}
		return list
	}
}

// counted is how many packets came in at each appliance's inside legs and its outside
// legs.
func (x *bend) counted() map[topology.ApplianceID][2]int {
	x.t.Helper()
	f, err := x.b.Cloud.Observe(x.t.Context(), x.b.project("acme"))
	require.NoError(x.t, err)
	count := map[topology.ApplianceID][2]int{}
	for _, a := range f.Appliances {
		if !a.Booted {
			continue
		}
		space, err := spaceOf(x.b, f.Tenant, a.ID)
		require.NoError(x.t, err)
		links, err := linksOf(space)
		require.NoError(x.t, err)
		ways := [2]int{}
		for _, l := range a.Legs {
			if l.Pair == 0 || links[l.MAC] == "" {
				continue
			}
			out, err := run("ip", "-n", space, "-j", "-s", "link", "show", links[l.MAC])
			require.NoError(x.t, err)
			var stats []struct {
				Stats64 struct{ RX struct{ Packets int } }
			}
			require.NoError(x.t, json.Unmarshal([]byte(out), &stats))
			if l.Role == topology.Inside {
				ways[0] += stats[0].Stats64.RX.Packets
			} else {
				ways[1] += stats[0].Stats64.RX.Packets
			}
		}
		count[a.ID] = ways
	}
	return count
}

// rows are those of the northbound database that are ours.
func (x *bend) rows() (list []string) {
	x.t.Helper()
	for table, column := range map[string]string{"Logical_Router_Policy": "match", "Logical_Router_Port": "name", "Logical_Switch_Port": "name"} {
		out, err := run("ovn-nbctl", "--db="+os.Getenv(labNorth), "--bare", "--columns="+column, "find", table, `external_ids:bumpwire\:redirect=`+x.b.d.scope)
		require.NoError(x.t, err)
		list = append(list, strings.Fields(out)...)
	}
	out, err := run("ovn-nbctl", "--db="+os.Getenv(labNorth), "--bare", "--columns=logical_port", "list", "Static_MAC_Binding")
	require.NoError(x.t, err)
	for _, port := range strings.Fields(out) {
		if strings.HasPrefix(port, "bumpwire-turn-") {
			list = append(list, port)
		}
	}
	return list
}

func (x *bend) service(match topology.Classifier, idle ...bool) topology.Service {
	s := topology.Service{Instance: "lb", Name: "LB", Zones: topology.Bridged, Mode: topology.Redirected,
		NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1, Match: &match}}}
	for n, i := range idle {
		s.Replicas = append(s.Replicas, topology.Replica{Number: n, Idle: i})
	}
	return s
}

// pinged are the members that echo requests of a command's pass, each both ways.
func (x *bend) pinged(command ...string) (list []topology.ApplianceID) {
	x.t.Helper()
	require.Eventually(x.t, func() bool { _, err := run(append(command, "-c", "1", "-W", "1")...); return err == nil }, time.Minute, time.Second, "%s", command)
	before := x.counted()
	_, err := run(append(command, "-q", "-c", fmt.Sprint(exchanged), "-i", "0.02", "-W", "2")...)
	require.NoError(x.t, err)
	for a, ways := range x.counted() {
		in, out := ways[0]-before[a][0] >= exchanged, ways[1]-before[a][1] >= exchanged
		require.Equal(x.t, in, out, "%s passes %s one way only: %v, %v", command, a, before[a], ways)
		if in {
			list = append(list, a)
		}
	}
	return list
}

// during is what a stream between two hosts, either way, loses while something is done.
func (x *bend) during(do func()) losses {
	near, here := x.host("v1")
	far, there := x.host("x1")
	out, back := startStream(x.t, near, far, there), startStream(x.t, far, near, here)
	time.Sleep(200 * time.Millisecond)
	do()
	time.Sleep(200 * time.Millisecond)
	return both(out.end(), back.end())
}

// Real packets pass a router that redirects: those that a rule means go through one
// member, both ways, and all others through none; a rule changes at once, and when the
// service goes nothing is left.
func TestRedirectionOnALab(t *testing.T) {
	x := newBend(t, map[string]string{"v1": "10.67.1.9/24", "v2": "10.67.1.10/24", "v3": "10.67.1.11/24", "v4": "10.67.1.12/24", "v6": "fd67:1::9/64",
		"x1": "10.67.2.9/24", "x6": "fd67:2::9/64"})
	require.Eventually(t, func() bool { // Neutron tells the state of ports a while after packets pass
		found, err := x.b.d.ports(t.Context(), query{"project_id": {string(x.b.project("acme"))}, "status": {"ACTIVE"}})
		return err == nil && len(found) == 7+2
	}, 2*time.Minute, time.Second)
	before := everything(t, x.b.d, string(x.b.project("acme")))
	require.Empty(t, x.rows())
	first, second := topology.ReplicaOf("lb", 0, 0), topology.ReplicaOf("lb", 0, 1)
	called := topology.Classifier{Direction: topology.Outbound, Protocols: []topology.Protocol{topology.UDP}, Ports: []topology.Ports{{First: 7000, Last: 7010}}}
	converge(t, x.b, x.service(called, false, false))
	require.NotEmpty(t, x.rows())

	chosen := map[string]topology.ApplianceID{}
	used := map[topology.ApplianceID]bool{}
	for from, to := range map[string]string{"v1": "x1", "v2": "x1", "v3": "x1", "v4": "x1", "v6": "x6"} {
		passed := x.members(from, to, 7003)
		require.Len(t, passed, 1, from)
		require.Equal(t, passed, x.members(from, to, 7010), "a host stays with its member")
		require.Empty(t, x.members(from, to, 7011), "another port")
		require.Empty(t, x.members(to, from, 7003), "others open these")
		chosen[from], used[passed[0]] = passed[0], true
	}
	require.Len(t, used, 2, "each has a share: %v", chosen)

	everybody := topology.Classifier{}
	converge(t, x.b, x.service(everybody, false, false))
	for from, to := range map[string]string{"v1": "x1", "x1": "v2", "v6": "x6", "x6": "v6"} {
		require.Len(t, x.members(from, to, 7011), 1, "whoever opens it")
	}
	near, _ := x.host("v1")
	_, err := run("ip", "netns", "exec", near, "ping", "-q", "-c", "3", "-i", "0.1", "-W", "2", "10.67.1.1")
	require.NoError(t, err, "the router itself answers")

	fw := topology.Service{Instance: "fw", Name: "FW", Zones: topology.Bridged, NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1, Rank: 10}}}
	lost := x.during(func() { converge(t, x.b, fw, x.service(everybody, false, false)) })
	t.Logf("a service comes in path beside it: %s", lost)
	passed := x.members("v1", "x1", 7003)
	require.ElementsMatch(t, []topology.ApplianceID{topology.ApplianceOf("fw", 0), chosen["v1"]}, passed)
	lost = x.during(func() { converge(t, x.b, x.service(everybody, false, false)) })
	t.Logf("it goes again: %s", lost)

	gone := chosen["v1"]
	lost = x.during(func() { converge(t, x.b, x.service(everybody, gone == first, gone == second)) })
	t.Logf("a member goes, and its flows to another: %s", lost)
	for _, from := range []string{"v1", "v2", "v3", "v4"} {
		passed := x.members(from, "x1", 7003)
		require.Len(t, passed, 1)
		require.NotEqual(t, gone, passed[0])
	}
	converge(t, x.b, x.service(everybody, true, true))
	require.Eventually(t, func() bool {
		_, err := run("ip", "netns", "exec", near, "ping", "-q", "-c", "2", "-i", "0.1", "-W", "1", "10.67.2.9")
		return err != nil
	}, time.Minute, time.Second, "without a member flows stop")

	converge(t, x.b, x.service(everybody, false, true))
	require.Equal(t, []topology.ApplianceID{first}, x.members("v1", "x1", 7003))
	lost = x.during(func() { converge(t, x.b) })
	t.Logf("the service goes: %s", lost)
	require.Empty(t, x.rows())
	left, err := x.b.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, x.members("v1", "x1", 7003))
	require.Eventually(t, func() bool { // as above
		after := everything(t, x.b.d, string(x.b.project("acme")))
		return fmt.Sprint(before) == fmt.Sprint(after)
	}, 2*time.Minute, time.Second, "the tenant has everything back")
}

// What a router translates passes the member with the host's own address, both ways:
// flows that hosts open to the outside, and those that come to a floating IP, from
// outside and from a host behind the same router.
func TestTranslatedFlowsAreRedirectedOnALab(t *testing.T) {
	x := newBend(t, map[string]string{"v1": "10.67.1.9/24", "v2": "10.67.1.10/24", "x1": "10.67.2.9/24"})
	d := x.b.d
	outside, err := d.networks(t.Context(), query{"router:external": {"true"}})
	require.NoError(t, err)
	if len(outside) == 0 {
		t.Skip("NOT TESTED: this cloud has no external network")
	}
	found, err := d.look(t.Context(), x.b.project("acme"))
	require.NoError(t, err)
	router := "routers/" + found.routers[0].ID
	through := func(gateway any) error {
		return put(context.WithoutCancel(t.Context()), d, router, map[string]any{"router": map[string]any{"external_gateway_info": gateway}})
	}
	require.NoError(t, through(map[string]any{"network_id": outside[0].ID}))
	t.Cleanup(func() { require.NoError(t, through(nil)) })
	float := func(host string) string {
		p, _, err := x.b.host(t.Context(), "acme", host)
		require.NoError(t, err)
		ip, err := floatingips.Create(t.Context(), d.network, floatingips.CreateOpts{FloatingNetworkID: outside[0].ID, PortID: p.ID, ProjectID: string(x.b.project("acme"))}).Extract()
		require.NoError(t, err)
		t.Cleanup(func() {
			require.NoError(t, floatingips.Delete(context.WithoutCancel(t.Context()), d.network, ip.ID).ExtractErr())
		})
		return ip.FloatingIP
	}
	v1, x1 := float("v1"), float("x1")
	converge(t, x.b, x.service(topology.Classifier{}, false))
	member := []topology.ApplianceID{topology.ReplicaOf("lb", 0, 0)}
	out, err := run("ip", "-4", "-o", "addr", "show", "dev", "br-ex")
	require.NoError(t, err)
	machine := netip.MustParsePrefix(strings.Fields(out)[3]).Addr().String()
	space := func(host string) string { s, _ := x.host(host); return s }
	from := func(host, to string) []string { return []string{"ip", "netns", "exec", space(host), "ping", to} }

	require.Equal(t, member, x.pinged(from("v1", machine)...), "by its floating IP")
	require.Equal(t, member, x.pinged(from("v2", machine)...), "by the router's address")
	require.Equal(t, member, x.pinged("ping", v1), "from outside")
	require.Equal(t, member, x.pinged(from("x1", v1)...), "from another floating IP of the same router")
	require.Equal(t, member, x.pinged(from("v2", x1)...), "to one")
	require.Empty(t, x.pinged(from("x1", machine)...), "another network's")
	converge(t, x.b)
	require.Empty(t, x.rows())
	require.Empty(t, x.pinged("ping", v1))
}
