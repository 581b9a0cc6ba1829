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
	id := ReplicaOf(s.Instance, s.Generation, r.Number)
	a := Appliance{ID: id, Instance: s.Instance, Name: label(s.Name, s.Instance), Provider: s.Provider, Booted: true, Start: r.Start, Legs: []Leg{}}
	for i, n := range s.NICs {
		l := Leg{Port: portOf(id, i), NIC: i, Role: n.Role, Pair: n.Pair}
		l.MAC = macOf(l.Port)
		if n.Role == Management { // handed on with its address, so that nobody has to learn it anew
			l.MAC = macOf(portOf(ReplicaOf(s.Instance, 0, r.Number), i))
		}
		a.Legs = append(a.Legs, l)
	}
	return a
}

// ApplianceOf is the id of a generation of an instance's appliance: the instance's
// own for the first, with the number behind a tilde for those that replace it. No
// two instances have the same: one whose id looks like that has the number always.
func ApplianceOf(i InstanceID, generation int) ApplianceID {
	if generation == 0 && !numbered.MatchString(string(i)) {
		return ApplianceID(i)
	}
	return ApplianceID(fmt.Sprintf("%s~%d", i, generation))
}

// ReplicaOf is the id of one of several appliances of a generation: the
// generation's for the first, with a number behind a plus sign for the others.
func ReplicaOf(i InstanceID, generation, number int) ApplianceID {
	if number == 0 {
		return ApplianceOf(i, generation)
	}
	return ApplianceID(fmt.Sprintf("%s+%d", ApplianceOf(i, generation), number))
}

var numbered = regexp.MustCompile(`[~+][0-9]+$`)

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
