//go:build linux

package linux

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// How a gateway sends flows through appliances, in the words of nftables:
//
// A flow is classified by the tuple of its first packet, which connection
// tracking remembers for both directions. The flow's mark says which member it
// stays with; a member is drawn for it by a hash of its addresses and ports when
// it has none, or when its member is none any more, so that no other flow ever
// changes. The packet's mark chooses the routing table that leads into the
// member: into its inside leg for packets that leave the tenant network, into its
// outside leg for those that come. What comes out at the other leg has no mark
// and is routed as always; it is tracked in a zone of its own, since tracking
// would take it for the same packet again. Packets of the gateway itself go the
// same way.

// tableName is the gateway's table of nftables.
const tableName = "bumpwire"

// memberMark is the mark of what goes into a member's inside leg; that of what
// goes into its outside leg is one more. It follows from the appliance's id, so
// that flows find their member again after any change of the rules, and is beyond
// the numbers of the kernel's own routing tables, as a table's number it is too.
func memberMark(a topology.ApplianceID) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(a)) // never fails
	return (h.Sum32()&0x3fffffff | 0x200) << 1
}

// ruleset is the gateway's whole table for rules. Turns are the names of its links
// into segments.
func ruleset(rules []topology.Redirect, subnets map[topology.NetworkID][]netip.Prefix, turns []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {}\ndelete table inet %s\n", tableName, tableName)
	if len(rules) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "table inet %s {\n", tableName)
	var arrive string
	if len(turns) > 0 {
		fmt.Fprintf(&b, "\tchain zones {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tiifname { %s } ct zone set 1\n\t}\n", strings.Join(turns, ", "))
		arrive = fmt.Sprintf("\t\tiifname { %s } return\n", strings.Join(turns, ", "))
	}
	b.WriteString("\tchain send {\n\t\tct direction original meta mark set ct mark accept\n\t\tmeta mark set ct mark xor 0x1 accept\n\t}\n")
	var jumps strings.Builder
	for i, r := range rules {
		for _, o := range []orientation{outward, inward} {
			name := fmt.Sprintf("%s%d", o, i)
			lines := classify(r.Match, o, subnets[r.Network])
			if len(lines) == 0 {
				continue
			}
			b.WriteString(chain(name, r, o))
			for _, l := range lines {
				fmt.Fprintf(&jumps, "\t\t%s jump %s\n", l, name)
			}
		}
	}
	// Neighbour discovery belongs to a link, not to a flow.
	fmt.Fprintf(&b, "\tchain rules {\n\t\ticmpv6 type { 133, 134, 135, 136, 137 } return\n%s\t}\n", jumps.String())
	fmt.Fprintf(&b, "\tchain arrive {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n%s\t\tmeta pkttype host jump rules\n\t}\n", arrive)
	b.WriteString("\tchain leave {\n\t\ttype route hook output priority mangle; policy accept;\n\t\tjump rules\n\t}\n}\n")
	return b.String()
}

// tracking is a table of its own that has flows tracked before there is any rule
// for them: afterwards it could not be told who opened one. It also keeps redirects
// to other hosts from being told, for which IPv6 has no knob.
const tracking = `table inet bumpwire-track {}
delete table inet bumpwire-track
table inet bumpwire-track {
	chain track {
		type filter hook prerouting priority filter; policy accept;
		ct state established accept
	}
	chain redirects {
		type filter hook output priority filter; policy accept;
		icmpv6 type nd-redirect drop
	}
}
`

// orientation is which way the first packet of a flow went; it is the lowest bit of
// the flow's mark.
type orientation int

const (
	outward orientation = iota // from a host of the tenant network
	inward                     // to one
)

func (o orientation) String() string { return []string{"outward", "inward"}[o] }

// classify are the conditions under which a flow of an orientation is meant, one
// line for each version of IP that it can have.
func classify(m topology.Classifier, o orientation, subnets []netip.Prefix) (lines []string) {
	if m.Direction == topology.Outbound && o == inward || m.Direction == topology.Inbound && o == outward {
		return nil
	}
	local := m.Local
	if len(local) == 0 {
		local = subnets
	}
	for _, family := range []struct {
		word string
		four bool
	}{{"ip", true}, {"ip6", false}} {
		of := func(list []netip.Prefix) []string {
			var out []string
			for _, p := range list {
				if p.Addr().Is4() == family.four {
					out = append(out, p.String())
				}
			}
			return out
		}
		here, there := of(local), of(m.Remote)
		if len(here) == 0 || len(m.Remote) > 0 && len(there) == 0 {
			continue
		}
		near, far := "saddr", "daddr"
		if o == inward {
			near, far = far, near
		}
		line := fmt.Sprintf("ct original %s %s { %s }", family.word, near, strings.Join(here, ", "))
		if len(there) > 0 {
			line += fmt.Sprintf(" ct original %s %s { %s }", family.word, far, strings.Join(there, ", "))
		}
		lines = append(lines, line+transport(m))
	}
	return lines
}

func transport(m topology.Classifier) string {
	protocols := m.Protocols
	if len(protocols) == 0 && len(m.Ports) > 0 {
		protocols = []topology.Protocol{topology.TCP, topology.UDP, topology.SCTP}
	}
	text := ""
	if len(protocols) > 0 {
		text += fmt.Sprintf(" meta l4proto { %s }", words(protocols))
	}
	if len(m.Ports) > 0 {
		text += fmt.Sprintf(" ct original proto-dst { %s }", words(m.Ports))
	}
	return text
}

// chain keeps a flow with its member, or draws one.
func chain(name string, r topology.Redirect, o orientation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\tchain %s {\n", name)
	var marks, draw []string
	for i, m := range r.Members {
		mark := fmt.Sprintf("%#x", memberMark(m.Appliance)|uint32(o))
		marks, draw = append(marks, mark), append(draw, fmt.Sprintf("%d : %s", i, mark))
	}
	if len(marks) > 0 {
		fmt.Fprintf(&b, "\t\tct mark { %s } goto send\n", strings.Join(marks, ", "))
	}
	verdict := "drop" // there is nobody who could take it
	if len(marks) > 0 {
		verdict = fmt.Sprintf("ct mark set symhash mod %d map { %s } goto send", len(marks), strings.Join(draw, ", "))
	}
	if len(r.Match.DSCP) == 0 {
		fmt.Fprintf(&b, "\t\t%s\n", verdict)
	} else {
		for _, family := range []string{"ip", "ip6"} {
			fmt.Fprintf(&b, "\t\t%s dscp { %s } %s\n", family, words(r.Match.DSCP), verdict)
		}
	}
	b.WriteString("\t}\n")
	return b.String()
}

func words[T any](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ", ")
}

// membersOf are the appliances of all rules, each once.
func membersOf(rules []topology.Redirect) []topology.Member {
	var all []topology.Member
	for _, r := range rules {
		for _, m := range r.Members {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}
