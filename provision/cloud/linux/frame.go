//go:build linux

package linux

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"
)

const (
	etherARP  = 0x0806
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

var (
	allNodes = netip.MustParseAddr("ff02::1")
	nobody   = netip.MustParseAddr("192.0.2.1") // RFC 5737: documentation only, so no host has it
	unknown  = netip.IPv4Unspecified()
)

func broadcast() net.HardwareAddr { return net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }

// ethernet puts a payload into a frame of at least the 60 bytes that real links
// carry (IEEE 802.3, without check sequence).
func ethernet(dst, src net.HardwareAddr, etherType uint16, payload []byte) []byte {
	f := make([]byte, 0, max(60, 14+len(payload)))
	f = append(append(f, dst...), src...)
	f = binary.BigEndian.AppendUint16(f, etherType)
	f = append(f, payload...)
	return append(f, make([]byte, max(0, 60-len(f)))...)
}

// arpRequest is an ARP request (RFC 826) in a frame.
func arpRequest(dst, src net.HardwareAddr, sender, target netip.Addr) []byte {
	p := []byte{0, 1, 8, 0, 6, 4, 0, 1}
	p = append(append(p, src...), sender.AsSlice()...)
	p = append(append(p, 0, 0, 0, 0, 0, 0), target.AsSlice()...)
	return ethernet(dst, src, etherARP, p)
}

// arpProbe asks for an address that nobody has, on behalf of nobody (RFC 5227,
// 1.1: a sender address of zero updates no cache). Its source tells it apart.
func arpProbe(dst, src net.HardwareAddr) []byte { return arpRequest(dst, src, unknown, nobody) }

// arpAnnouncement says who has an address (RFC 5227, 2.3).
func arpAnnouncement(mac net.HardwareAddr, a netip.Addr) []byte {
	return arpRequest(broadcast(), mac, a, a)
}

// neighborAnnouncement is IPv6's: an unsolicited neighbor advertisement to all
// nodes, from a router, overriding what they knew (RFC 4861, 7.2.6).
func neighborAnnouncement(mac net.HardwareAddr, a netip.Addr) []byte {
	icmp := []byte{136, 0, 0, 0, 0xa0, 0, 0, 0}
	icmp = append(icmp, a.AsSlice()...)
	icmp = append(append(icmp, 2, 1), mac...) // option: target link-layer address
	binary.BigEndian.PutUint16(icmp[2:], checksum6(a, allNodes, 58, icmp))
	p := []byte{0x60, 0, 0, 0, 0, byte(len(icmp)), 58, 255}
	p = append(append(p, a.AsSlice()...), allNodes.AsSlice()...)
	return ethernet(net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, mac, etherIPv6, append(p, icmp...))
}

// checksum6 is the Internet checksum over IPv6's pseudo-header (RFC 8200, 8.1)
// and a payload.
func checksum6(src, dst netip.Addr, next byte, payload []byte) uint16 {
	pseudo := append(src.AsSlice(), dst.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(payload)))
	return checksum(append(append(pseudo, 0, 0, 0, next), payload...))
}

func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// nonce is a random locally administered unicast address.
func nonce() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac)
	mac[0] = mac[0]&^1 | 2
	return mac
}

// isFrom says whether a frame is ARP from a source.
func isFrom(frame []byte, src net.HardwareAddr) bool {
	return len(frame) >= 42 && binary.BigEndian.Uint16(frame[12:]) == etherARP && bytes.Equal(frame[6:12], src)
}

// echoRequest is a ping (RFC 792, RFC 4443) in a frame.
func echoRequest(mac, via net.HardwareAddr, from, to netip.Addr, id [2]byte, data []byte) []byte {
	icmp := append([]byte{8, 0, 0, 0, id[0], id[1], 0, 1}, data...)
	if to.Is6() {
		icmp[0] = 128
		binary.BigEndian.PutUint16(icmp[2:], checksum6(from, to, 58, icmp))
		p := []byte{0x60, 0, 0, 0, 0, byte(len(icmp)), 58, 64}
		p = append(append(p, from.AsSlice()...), to.AsSlice()...)
		return ethernet(via, mac, etherIPv6, append(p, icmp...))
	}
	binary.BigEndian.PutUint16(icmp[2:], checksum(icmp))
	p := []byte{0x45, 0, 0, byte(20 + len(icmp)), 0, 0, 0x40, 0, 64, 1, 0, 0}
	p = append(append(p, from.AsSlice()...), to.AsSlice()...)
	binary.BigEndian.PutUint16(p[10:], checksum(p))
	return ethernet(via, mac, etherIPv4, append(p, icmp...))
}

// isEchoRequest tells a ping from its answer, in frames that are one of them.
// Tenants' hosts may send anything, also headers longer than their frame.
func isEchoRequest(frame []byte) bool {
	if len(frame) < 55 {
		return false
	}
	if binary.BigEndian.Uint16(frame[12:]) == etherIPv6 {
		return frame[54] == 128
	}
	at := 14 + int(frame[14]&15)*4
	return at < len(frame) && frame[at] == 8
}
