package topology

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Direction says who opened a flow.
type Direction string

const (
	Either   Direction = ""
	Outbound Direction = "outbound" // a host of the tenant network
	Inbound  Direction = "inbound"  // somebody beyond the gateway
)

// Protocol is a transport protocol by its name in the IANA registry, in lower case.
type Protocol string

// The protocols that a classifier can name. Ports go with those that have them.
const (
	TCP    Protocol = "tcp"
	UDP    Protocol = "udp"
	SCTP   Protocol = "sctp"
	ICMP   Protocol = "icmp"
	ICMPv6 Protocol = "ipv6-icmp"
	ESP    Protocol = "esp"
	GRE    Protocol = "gre"
)

var ported = []Protocol{TCP, UDP, SCTP}

// Ports is a range of ports, both ends included.
type Ports struct {
	First uint16 `json:"first"`
	Last  uint16 `json:"last"`
}

// Classifier says which flows are meant, by the first packet of each; later
// packets of a flow, both ways, go where the first one went. A field that is empty
// lets everything pass, all fields together must.
type Classifier struct {
	Direction Direction      `json:"direction,omitempty"`
	Protocols []Protocol     `json:"protocols,omitempty"`
	Ports     []Ports        `json:"ports,omitempty"`  // the first packet's destination; only with tcp, udp, sctp
	Local     []netip.Prefix `json:"local,omitempty"`  // hosts of the tenant network
	Remote    []netip.Prefix `json:"remote,omitempty"` // whom they talk to
	DSCP      []uint8        `json:"dscp,omitempty"`   // 0 to 63 (RFC 2474)
}

// Flow is one conversation as its first packet shows it.
type Flow struct {
	Direction Direction  `json:"direction"` // Outbound or Inbound
	Protocol  Protocol   `json:"protocol"`
	Port      uint16     `json:"port,omitempty"` // destination
	Local     netip.Addr `json:"local,omitzero"`
	Remote    netip.Addr `json:"remote,omitzero"`
	DSCP      uint8      `json:"dscp,omitempty"`
}

// Matches says whether a flow is meant.
func (c Classifier) Matches(f Flow) bool {
	return (c.Direction == Either || c.Direction == f.Direction) &&
		(len(c.Protocols) == 0 || slices.Contains(c.Protocols, f.Protocol)) &&
		(len(c.Ports) == 0 || slices.Contains(ported, f.Protocol) && slices.ContainsFunc(c.Ports, func(r Ports) bool { return r.First <= f.Port && f.Port <= r.Last })) &&
		(len(c.Local) == 0 || slices.ContainsFunc(c.Local, func(p netip.Prefix) bool { return p.Contains(f.Local) })) &&
		(len(c.Remote) == 0 || slices.ContainsFunc(c.Remote, func(p netip.Prefix) bool { return p.Contains(f.Remote) })) &&
		(len(c.DSCP) == 0 || slices.Contains(c.DSCP, f.DSCP))
}

// Overlaps says whether a flow can be meant by both.
func (c Classifier) Overlaps(o Classifier) bool {
	if c.Direction != Either && o.Direction != Either && c.Direction != o.Direction {
		return false
	}
	return slices.ContainsFunc(c.protocols(), func(p Protocol) bool {
		return slices.Contains(o.protocols(), p) && c.family(p, o)
	}) && common(c.DSCP, o.DSCP)
}

// family says whether flows of one protocol can be meant by both.
func (c Classifier) family(p Protocol, o Classifier) bool {
	meet := func(a, b Ports) bool { return a.First <= b.Last && b.First <= a.Last }
	if len(c.Ports) > 0 && len(o.Ports) > 0 && !slices.ContainsFunc(c.Ports, func(a Ports) bool {
		return slices.ContainsFunc(o.Ports, func(b Ports) bool { return meet(a, b) })
	}) {
		return false
	}
	if !slices.Contains(ported, p) && len(c.Ports)+len(o.Ports) > 0 {
		return false
	}
	four := p != ICMPv6 && c.may(true) && o.may(true) && meets(c.Local, o.Local, true) && meets(c.Remote, o.Remote, true)
	six := p != ICMP && c.may(false) && o.may(false) && meets(c.Local, o.Local, false) && meets(c.Remote, o.Remote, false)
	return four || six
}

// may says whether the classifier lets anything of IPv4, or of IPv6, pass.
func (c Classifier) may(four bool) bool {
	has := func(list []netip.Prefix) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Addr().Is4() == four })
	}
	return has(c.Local) && has(c.Remote)
}

// meets says whether an address of a family can be in both lists.
func meets(a, b []netip.Prefix, four bool) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p netip.Prefix) bool {
		return p.Addr().Is4() == four && slices.ContainsFunc(b, p.Overlaps)
	})
}

func common[T comparable](a, b []T) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(v T) bool { return slices.Contains(b, v) })
}

// anyProtocol stands for the protocols that cannot be named.
const anyProtocol Protocol = "any"

func (c Classifier) protocols() []Protocol {
	switch {
	case len(c.Protocols) > 0:
		return c.Protocols
	case len(c.Ports) > 0:
		return ported
	}
	return []Protocol{TCP, UDP, SCTP, ICMP, ICMPv6, ESP, GRE, anyProtocol}
}

// Check is a sentence about what can never match or is out of range; nil when
// there is nothing of that kind.
func (c Classifier) Check() error {
	known := []Protocol{TCP, UDP, SCTP, ICMP, ICMPv6, ESP, GRE}
	for _, p := range c.Protocols {
		if !slices.Contains(known, p) {
			return fmt.Errorf("protocol %q is none of %s", p, join(known))
		}
		if len(c.Ports) > 0 && !slices.Contains(ported, p) {
			return fmt.Errorf("protocol %s has no ports", p)
		}
	}
	for _, r := range c.Ports {
		if r.First > r.Last || r.Last == 0 {
			return fmt.Errorf("ports %s are no range from 1 to 65535", r)
		}
	}
	for _, p := range slices.Concat(c.Local, c.Remote) {
		if !p.IsValid() || p != p.Masked() {
			return fmt.Errorf("%s is not an address range: its last bits must be zero", p)
		}
	}
	for _, d := range c.DSCP {
		if d > 63 {
			return fmt.Errorf("DSCP %d is not from 0 to 63", d)
		}
	}
	switch {
	case c.Direction != Either && c.Direction != Outbound && c.Direction != Inbound:
		return fmt.Errorf("direction %q is neither %s nor %s", c.Direction, Outbound, Inbound)
	case !c.may(true) && !c.may(false):
		return fmt.Errorf("the local ranges are of one version of IP and the remote ones of the other")
	}
	return nil
}

// String is the classifier in words: outbound tcp 80, 8000-8010 to 203.0.113.0/24.
func (c Classifier) String() string {
	var words []string
	add := func(format, text string) {
		if text != "" {
			words = append(words, fmt.Sprintf(format, text))
		}
	}
	add("%s", string(c.Direction))
	add("%s", join(c.Protocols))
	add("port %s", join(c.Ports))
	add("of %s", join(c.Local))
	add("with %s", join(c.Remote))
	add("marked %s", join(c.DSCP))
	if len(words) == 0 {
		return "everything"
	}
	return strings.Join(words, " ")
}

// String is the range as people write it.
func (r Ports) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func join[T any](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}
