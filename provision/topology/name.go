package topology

import (
	"crypto/sha256"
	"fmt"
	"net"
	"regexp"
	"strings"
	"unicode"
)

func newAppliance(s Service, r Replica) Appliance {
	id := MemberOf(s.Instance, s.Side, s.Generation, r.Number)
	a := Appliance{ID: id, Instance: s.Instance, Side: s.Side, Name: (&machine{Service: s}).plain(), Provider: s.Provider, Booted: true, Start: r.Start, Legs: []Leg{}}
	for i, n := range s.NICs {
		l := Leg{Port: portOf(id, i), NIC: i, Role: n.Role, Pair: n.Pair}
		l.MAC = macOf(l.Port)
		if n.Role == Management { // handed on with its address, so that nobody has to learn it anew
			l.MAC = macOf(portOf(MemberOf(s.Instance, s.Side, 0, r.Number), i))
		}
		a.Legs = append(a.Legs, l)
	}
	return a
}

// ApplianceOf is the id of a generation of an instance's appliance: the instance's
// own for the first, with the number behind a tilde for those that replace it. No
// two instances have the same: one whose id looks like an appliance's has the number
// always.
func ApplianceOf(i InstanceID, generation int) ApplianceID {
	if generation == 0 && !marked.MatchString(string(i)) {
		return ApplianceID(i)
	}
	return ApplianceID(fmt.Sprintf("%s~%d", i, generation))
}

// MemberOf is the id of any appliance. Those on the sides of a symmetric service have
// the side behind an at sign, before the replica's number.
func MemberOf(i InstanceID, side string, generation, number int) ApplianceID {
	id := ApplianceOf(i, generation)
	if side != "" {
		id += ApplianceID("@" + side)
	}
	if number != 0 {
		id += ApplianceID(fmt.Sprintf("+%d", number))
	}
	return id
}

// ReplicaOf is the id of one of several appliances of a generation: the
// generation's for the first, with a number behind a plus sign for the others.
func ReplicaOf(i InstanceID, generation, number int) ApplianceID {
	return MemberOf(i, "", generation, number)
}

// Names of sides are as here. What an id ends with tells then what it is, read from
// its end: a replica's number, a side, a generation.
var (
	sideName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)
	marked   = regexp.MustCompile(`([~+][0-9]+|@[a-z0-9-]+)$`)
)

func portOf(a ApplianceID, nic int) PortID { return PortID(fmt.Sprintf("%s-nic%d", a, nic)) }

// macOf derives a locally administered unicast address (IEEE 802, second least
// significant bit of the first octet set, least significant clear).
func macOf(port PortID) string {
	sum := sha256.Sum256([]byte(port))
	return net.HardwareAddr{0x02, sum[0], sum[1], sum[2], sum[3], sum[4]}.String()
}

// label is what people call a thing.
func label[ID ~string](name string, id ID) string {
	if name == "" {
		name = string(id)
	}
	return printable(name)
}

// printable keeps line breaks and terminal codes in names out of texts and
// pictures.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
