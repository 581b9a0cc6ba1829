package topology_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func prefix(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestAClassifierMatchesFlowsByTheirFirstPacket(t *testing.T) {
	t.Parallel()
	web := topology.Flow{Direction: topology.Outbound, Protocol: topology.TCP, Port: 443, Local: netip.MustParseAddr("10.0.0.7"), Remote: netip.MustParseAddr("203.0.113.9"), DSCP: 46}
	for _, c := range []struct {
		is   topology.Classifier
		want bool
		text string
	}{
		{topology.Classifier{}, true, "everything"},
		{topology.Classifier{Direction: topology.Outbound}, true, "outbound"},
		{topology.Classifier{Direction: topology.Inbound}, false, "inbound"},
		{topology.Classifier{Protocols: []topology.Protocol{topology.UDP, topology.TCP}}, true, "udp, tcp"},
		{topology.Classifier{Protocols: []topology.Protocol{topology.ICMP}}, false, "icmp"},
		{topology.Classifier{Ports: []topology.Ports{{80, 80}, {440, 450}}}, true, "port 80, 440-450"},
		{topology.Classifier{Ports: []topology.Ports{{444, 450}}}, false, "port 444-450"},
		{topology.Classifier{Local: []netip.Prefix{prefix("10.0.0.0/29")}}, true, "of 10.0.0.0/29"},
		{topology.Classifier{Local: []netip.Prefix{prefix("10.0.0.8/29")}}, false, "of 10.0.0.8/29"},
		{topology.Classifier{Remote: []netip.Prefix{prefix("203.0.113.0/24")}}, true, "with 203.0.113.0/24"},
		{topology.Classifier{Remote: []netip.Prefix{prefix("2001:db8::/32")}}, false, "with 2001:db8::/32"},
		{topology.Classifier{DSCP: []uint8{0, 46}}, true, "marked 0, 46"},
		{topology.Classifier{DSCP: []uint8{8}}, false, "marked 8"},
		{topology.Classifier{Direction: topology.Outbound, Protocols: []topology.Protocol{topology.TCP}, Ports: []topology.Ports{{443, 443}}, Remote: []netip.Prefix{prefix("203.0.113.0/24")}}, true,
			"outbound tcp port 443 with 203.0.113.0/24"},
	} {
		require.NoError(t, c.is.Check())
		require.Equal(t, c.want, c.is.Matches(web), c.text)
		require.Equal(t, c.text, c.is.String())
	}
	require.False(t, topology.Classifier{Ports: []topology.Ports{{1, 65535}}}.Matches(topology.Flow{Protocol: topology.ICMP}), "what has no ports has none of them")
}

func TestClassifiersThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		is   topology.Classifier
		want string
	}{
		{topology.Classifier{Direction: "sideways"}, `direction "sideways" is neither outbound nor inbound`},
		{topology.Classifier{Protocols: []topology.Protocol{"tpc"}}, `protocol "tpc" is none of tcp, udp`},
		{topology.Classifier{Protocols: []topology.Protocol{topology.ICMP}, Ports: []topology.Ports{{1, 2}}}, "icmp has no ports"},
		{topology.Classifier{Ports: []topology.Ports{{2, 1}}}, "ports 2-1 are no range"},
		{topology.Classifier{Ports: []topology.Ports{{0, 0}}}, "ports 0 are no range"},
		{topology.Classifier{Local: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}, "its last bits must be zero"},
		{topology.Classifier{Remote: []netip.Prefix{{}}}, "is not an address range"},
		{topology.Classifier{DSCP: []uint8{64}}, "DSCP 64 is not from 0 to 63"},
		{topology.Classifier{Local: []netip.Prefix{prefix("10.0.0.0/8")}, Remote: []netip.Prefix{prefix("2001:db8::/32")}}, "of one version of IP"},
	} {
		require.ErrorContains(t, c.is.Check(), c.want)
	}
}

// Two classifiers overlap exactly if a flow can match both.
func TestOverlapMeansACommonFlow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawClassifier(t, "a"), drawClassifier(t, "b")
		require.Equal(t, a.Overlaps(b), b.Overlaps(a), "%s / %s", a, b)
		common := false
		for _, f := range allFlows() {
			common = common || a.Matches(f) && b.Matches(f)
		}
		require.Equal(t, common, a.Overlaps(b), "%s / %s", a, b)
	})
}

// The world of the property: few of everything, so that all flows can be tried.
var (
	somePorts    = []uint16{1, 5, 10, 20}
	someLocals   = []string{"10.0.0.1", "10.0.0.129", "2001:db8::1"}
	someRemotes  = []string{"203.0.113.1", "198.51.100.1", "2001:db8:1::1"}
	someRanges   = []string{"10.0.0.0/24", "10.0.0.0/25", "10.0.0.128/25", "2001:db8::/64"}
	remoteRanges = []string{"203.0.113.0/24", "198.51.100.0/24", "2001:db8:1::/48"}
	namable      = []topology.Protocol{topology.TCP, topology.UDP, topology.SCTP, topology.ICMP, topology.ICMPv6, topology.ESP, topology.GRE}
)

func drawClassifier(t *rapid.T, label string) topology.Classifier {
	some := func(from []string, what string) (list []netip.Prefix) {
		for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 2, rapid.ID).Draw(t, label+what) {
			list = append(list, prefix(s))
		}
		return list
	}
	c := topology.Classifier{
		Direction: rapid.SampledFrom([]topology.Direction{topology.Either, topology.Outbound, topology.Inbound}).Draw(t, label+"direction"),
		Local:     some(someRanges, "local"), Remote: some(remoteRanges, "remote"),
		DSCP: rapid.SliceOfNDistinct(rapid.SampledFrom([]uint8{0, 46}), 0, 1, rapid.ID).Draw(t, label+"dscp"),
	}
	if rapid.Bool().Draw(t, label+"with ports") {
		c.Protocols = rapid.SliceOfNDistinct(rapid.SampledFrom([]topology.Protocol{topology.TCP, topology.UDP}), 0, 2, rapid.ID).Draw(t, label+"protocols")
		first := rapid.SampledFrom(somePorts).Draw(t, label+"first")
		c.Ports = []topology.Ports{{first, max(first, rapid.SampledFrom(somePorts).Draw(t, label+"last"))}}
	} else {
		c.Protocols = rapid.SliceOfNDistinct(rapid.SampledFrom(namable), 0, 3, rapid.ID).Draw(t, label+"protocols")
	}
	return c
}

func allFlows() (list []topology.Flow) {
	for _, direction := range []topology.Direction{topology.Outbound, topology.Inbound} {
		for _, protocol := range append([]topology.Protocol{"any"}, namable...) {
			for _, port := range somePorts {
				for _, local := range someLocals {
					for _, remote := range someRemotes {
						l, r := netip.MustParseAddr(local), netip.MustParseAddr(remote)
						if l.Is4() != r.Is4() || protocol == topology.ICMP && !l.Is4() || protocol == topology.ICMPv6 && l.Is4() {
							continue
						}
						for _, dscp := range []uint8{0, 46} {
							list = append(list, topology.Flow{direction, protocol, port, l, r, dscp})
						}
					}
				}
			}
		}
	}
	return list
}
