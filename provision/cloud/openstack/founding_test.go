package openstack

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A tally counts calls by what they are about.
type tally map[string]int

// What a call is counted as; one that fits none is counted by its shape.
const (
	callsLook    = "looks"
	callsMark    = "marks"
	callsRouter  = "router interfaces"
	callsSignIn  = "tokens"
	callsServers = "servers"
	callsFinish  = "finishing touches"
)

var callKinds = []struct {
	shape *regexp.Regexp
	kind  string
}{
	{regexp.MustCompile(`/auth/tokens$`), callsSignIn},
	{regexp.MustCompile(`^GET `), callsLook},
	{regexp.MustCompile(`^PUT .*/tags$`), callsMark},
	{regexp.MustCompile(`^PUT .*/(add|remove)_router_interface$`), callsRouter},
	{regexp.MustCompile(`^(POST|DELETE) .*/servers(/ID)?$`), callsServers},
	{regexp.MustCompile(`^(POST|DELETE) .*/networks(/ID)?$`), ofNetworks},
	{regexp.MustCompile(`^POST .*/subnets$`), ofSubnets},
	{regexp.MustCompile(`^PUT .*/ports/ID$`), callsFinish},
	{regexp.MustCompile(`^(POST|DELETE) .*/ports(/ID)?$`), ofPorts},
}

func count(calls []call) tally {
	n := tally{}
	for _, c := range calls {
		kind := c.shape
		for _, k := range callKinds {
			if k.shape.MatchString(c.shape) {
				kind = k.kind
				break
			}
		}
		n[kind]++
	}
	return n
}

// changes are a tally's calls that change something.
func (n tally) changes() tally {
	n = maps.Clone(n)
	delete(n, callsLook)
	delete(n, callsSignIn)
	return n
}

func (n tally) String() (text string) {
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(n)) {
		text += fmt.Sprintf("%s %d, ", kind, n[kind])
		total += n[kind]
	}
	return text + fmt.Sprintf("%d in all", total)
}

// What the founding use case takes at least: three segments and the management
// network with a range each, a port for each leg and for each of
// the gateway's plugs that moves, two servers, and for each plug the two calls that
// move it. Beside those each network and port of ours is marked, by a call of its own
// as Neutron wants it.
var foundingIn = tally{ofNetworks: 4, ofSubnets: 4, ofPorts: 8 + 2, callsServers: 2, callsRouter: 4, callsMark: 4 + 8 + 2}

// Taking it away is the mirror image: ports on the tenant's networks are made anew. A
// port may not be made there before the other one has gone, so one that nobody uses is
// the record of each move meanwhile: made, marked, deleted. Ranges go with networks.
var foundingOut = tally{ofNetworks: 4, ofPorts: 8 + 2 + 2*2, callsServers: 2, callsRouter: 4, callsMark: 2}

// founding is the founding tenant: networks V, X and Z behind one gateway, with a host
// on each.
func founding(t *testing.T, b *bed) (fw, wo topology.Service) {
	t.Helper()
	for n, id := range []topology.NetworkID{"V", "X", "Z"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 71, byte(n + 1), 0}), 24)
		require.NoError(t, b.CreateNetwork(t.Context(), "acme", topology.Network{ID: id, Name: string(id),
			Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}))
		host := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 71, byte(n + 1), 9}), 24)
		require.NoError(t, b.CreateHost(t.Context(), "acme", cloud.Host{Name: "h" + string(id), Network: id, Address: host}))
	}
	pair := func(n int) []topology.NIC {
		return []topology.NIC{{Role: topology.Inside, Pair: n}, {Role: topology.Outside, Pair: n}}
	}
	management := topology.NIC{Role: topology.Management}
	fw = topology.Service{Instance: "fw", Name: "FW", Zones: topology.Bridged, NICs: append(append(pair(1), pair(2)...), management),
		Stitches:   []topology.Stitch{{Network: "V", Pair: 1, Rank: 20}, {Network: "X", Pair: 2, Rank: 20}},
		Management: netip.MustParsePrefix("192.168.100.2/24")}
	wo = topology.Service{Instance: "wo", Name: "WO", Zones: topology.Bridged, NICs: append(pair(1), management),
		Stitches: []topology.Stitch{{Network: "X", Pair: 1, Rank: 10}}, Management: netip.MustParsePrefix("192.168.100.3/24")}
	return fw, wo
}

// passes checks how many appliances packets of each network pass.
func passes(t *testing.T, b *bed, v, x, z int) {
	t.Helper()
	for host, want := range map[string]int{"hV": v, "hX": x, "hZ": z} {
		passed, reached, err := b.Trace(t.Context(), "acme", host)
		require.NoError(t, err)
		require.True(t, reached, host)
		require.Len(t, passed, want, host)
	}
}

// playFounding puts both services in and takes them out again, and counts the calls.
func playFounding(t *testing.T, b *bed, steady func()) (in, out tally) {
	fw, wo := founding(t, b)
	passes(t, b, 0, 0, 0)
	steady()
	before := everything(t, b.d, string(b.tenants["acme"]))
	w := brew(b.d, call{}, weather{})
	converge(t, b, fw, wo)
	in = count(w.calls)
	passes(t, b, 1, 2, 0)
	w.calls = nil
	converge(t, b)
	out = count(w.calls)
	passes(t, b, 0, 0, 0)
	t.Logf("insertion: %s", in)
	t.Logf("removal: %s", out)
	require.Equal(t, foundingIn, in.changes())
	took := maps.Clone(foundingOut)
	if b.d.north != nil {
		took[callsFinish] = 2 // a port that comes home while OVN has a stand-in gets its DHCP afterwards
	}
	require.Equal(t, took, out.changes())
	steady()
	require.Equal(t, before, everything(t, b.d, string(b.tenants["acme"])))
	left, err := b.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	return in, out
}

// A firewall on V and X and an optimiser on X come and go, Z is not touched, and no
// call is made that need not be.
func TestTheFoundingUseCase(t *testing.T) {
	t.Parallel()
	in, out := playFounding(t, newBed(t, onFake(t, newFake(t)), drawn{}, "acme"), func() {})
	require.LessOrEqual(t, in[callsLook], 228, "some nine after each of 19 steps, which the next one goes on from, and what each needs to know beside")
	require.LessOrEqual(t, out[callsLook], 192)
}

// Without a gap in traffic it takes one call more for each plug that comes home.
func TestTheFoundingUseCaseOverOVN(t *testing.T) {
	t.Parallel()
	f, d := overOVN(t)
	in, out := playFounding(t, newBed(t, d, drawn{f}, "acme"), func() {})
	t.Logf("%d and %d looks", in[callsLook], out[callsLook])
}

// The same with real networks, images and servers, and packets.
func TestTheFoundingUseCaseOnALab(t *testing.T) {
	d := onLab(t)
	b := labBed(t, d, "acme")
	playFounding(t, b, func() { // Neutron tells the state of ports a while after packets pass
		require.Eventually(t, func() bool {
			found, err := d.ports(context.WithoutCancel(t.Context()), query{"project_id": {string(b.tenants["acme"])}, "status": {"ACTIVE"}})
			return err == nil && len(found) == 6
		}, 2*time.Minute, time.Second)
	})
}
