package topology

import (
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"unicode"
)

func newAppliance(s Service) Appliance {
	a := Appliance{ID: ApplianceID(s.Instance), Instance: s.Instance, Name: label(s.Name, s.Instance), Booted: true, Legs: []Leg{}}
	for i, n := range s.NICs {
		port := PortID(fmt.Sprintf("%s-nic%d", s.Instance, i))
		a.Legs = append(a.Legs, Leg{Port: port, NIC: i, Role: n.Role, Pair: n.Pair, MAC: macOf(port)})
	}
	return a
}

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
