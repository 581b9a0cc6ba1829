package openstack

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A router's policies look at each packet alone. Who opened a flow can be told by its
// ports: one of a rule's is the destination of what is sent to who was called, and the
// source of the answers.

// flowsOf are the flows of a network's hosts that a classifier means, as OVN can tell
// them. It refuses what cannot be told by a packet alone.
func flowsOf(c topology.Classifier, ranges []netip.Prefix) (flows []ovn.Flow, err error) {
	switch {
	case len(c.DSCP) > 0:
		return nil, fault.New(fault.Invalid, "this cloud cannot redirect by DSCP, since answers do not carry that of the first packet: leave it out, or use a service in path")
	case c.Direction != topology.Either && len(c.Ports) == 0:
		return nil, fault.New(fault.Invalid, "this cloud tells by ports alone who opened a flow: name ports together with %s, or leave the direction out", c.Direction)
	}
	local := c.Local
	if len(local) == 0 {
		local = ranges
	}
	for _, six := range []bool{false, true} {
		here, there := ofVersion(local, six), ofVersion(c.Remote, six)
		from, to, some := transport(c, six)
		if here == "" || len(c.Remote) > 0 && there == "" || !some {
			continue
		}
		ip := "ip4"
		if six {
			ip = "ip6"
		}
		f := ovn.Flow{Six: six, From: ip + ".src == " + here, To: ip + ".dst == " + here}
		if there != "" {
			f.From += " && " + ip + ".dst == " + there
			f.To += " && " + ip + ".src == " + there
		}
		f.From += from
		f.To += to
		flows = append(flows, f)
	}
	return flows, nil
}

func rangesOf(f topology.Fabric, id topology.NetworkID) (list []netip.Prefix) {
	for _, n := range f.Networks {
		for _, s := range n.Subnets {
			if n.ID == id {
				list = append(list, s.CIDR)
			}
		}
	}
	return list
}

// ofVersion is the set of the prefixes of a version of IP; empty when there are none.
func ofVersion(list []netip.Prefix, six bool) string {
	var out []string
	for _, p := range list {
		if p.Addr().Is6() == six {
			out = append(out, p.String())
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "{" + strings.Join(out, ", ") + "}"
}

// transport is what further packets from local hosts, and to them, are to be like; some
// is false when none of this version of IP can be.
func transport(c topology.Classifier, six bool) (from, to string, some bool) {
	protocols := c.Protocols
	if len(protocols) == 0 {
		if len(c.Ports) == 0 {
			return "", "", true
		}
		protocols = []topology.Protocol{topology.TCP, topology.UDP, topology.SCTP}
	}
	var out, in []string
	for _, p := range protocols {
		if p == topology.ICMP && six || p == topology.ICMPv6 && !six {
			continue
		}
		if len(c.Ports) == 0 {
			out, in = append(out, protocolNames[p]), append(in, protocolNames[p])
			continue
		}
		for _, r := range c.Ports {
			called, answers := portIn(p, "dst", r), portIn(p, "src", r)
			if c.Direction != topology.Inbound {
				out, in = append(out, called), append(in, answers)
			}
			if c.Direction != topology.Outbound {
				out, in = append(out, answers), append(in, called)
			}
		}
	}
	return anyOf(out), anyOf(in), len(out) > 0
}

// protocolNames are OVN's words for protocols.
var protocolNames = map[topology.Protocol]string{
	topology.TCP: "tcp", topology.UDP: "udp", topology.SCTP: "sctp",
	topology.ICMP: "icmp4", topology.ICMPv6: "icmp6",
	topology.ESP: "ip.proto == 50", topology.GRE: "ip.proto == 47",
}

func portIn(p topology.Protocol, end string, r topology.Ports) string {
	if r.First == r.Last {
		return fmt.Sprintf("%s.%s == %d", p, end, r.First)
	}
	return fmt.Sprintf("%d <= %s.%s <= %d", r.First, p, end, r.Last)
}

func anyOf(list []string) string {
	return " && (" + strings.Join(list, " || ") + ")"
}
