//go:build linux

package linux

import (
	"encoding/hex"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"pgregory.net/rapid"
)

var (
	frameMAC  = net.HardwareAddr{2, 0, 0, 0, 0, 0x11}
	framePeer = net.HardwareAddr{2, 0, 0, 0, 0, 0x22}
)

func TestAnAnnouncementAsksForItsOwnAddress(t *testing.T) {
	t.Parallel()
	got := arpAnnouncement(frameMAC, netip.MustParseAddr("10.1.0.1"))
	require.Equal(t, "ffffffffffff"+"020000000011"+"0806"+
		"0001"+"0800"+"06"+"04"+"0001"+"020000000011"+"0a010001"+"000000000000"+"0a010001"+
		"000000000000000000000000000000000000", hex.EncodeToString(got))
}

func TestAProbeNamesNoSender(t *testing.T) {
	t.Parallel()
	got := arpProbe(broadcast(), frameMAC)
	require.Len(t, got, 60)
	require.Equal(t, []byte{0, 0, 0, 0}, got[28:32], "no cache may learn from it")
	require.True(t, isFrom(got, frameMAC))
	require.False(t, isFrom(got, framePeer))
	require.False(t, isFrom(got[:20], frameMAC))
}

func TestAnIPv6AnnouncementIsAValidNeighborAdvertisement(t *testing.T) {
	t.Parallel()
	from := netip.MustParseAddr("fd01::1")
	got := neighborAnnouncement(frameMAC, from)
	require.Equal(t, "333300000001", hex.EncodeToString(got[:6]))
	header, err := ipv6.ParseHeader(got[14:])
	require.NoError(t, err)
	require.Equal(t, 255, header.HopLimit, "RFC 4861, 7.1.2: anything less is dropped")
	require.Equal(t, from.String(), header.Src.String())
	body := got[54 : 54+header.PayloadLen]
	require.Zero(t, checksum6(from, allNodes, 58, body), "a sum that includes itself is zero")
	m, err := icmp.ParseMessage(58, body)
	require.NoError(t, err)
	require.Equal(t, ipv6.ICMPTypeNeighborAdvertisement, m.Type)
	require.Equal(t, byte(0xa0), body[4], "router and override, not solicited")
}

func TestEchoRequestsAreValidAndToldFromTheirAnswers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "data")
		four := echoRequest(frameMAC, framePeer, netip.MustParseAddr("10.1.0.11"), netip.MustParseAddr("10.1.0.1"), [2]byte{1, 2}, data)
		header, err := ipv4.ParseHeader(four[14:])
		require.NoError(t, err)
		require.Zero(t, checksum(four[14:34]))
		m, err := icmp.ParseMessage(1, four[34:14+header.TotalLen])
		require.NoError(t, err)
		require.Equal(t, ipv4.ICMPTypeEcho, m.Type)
		require.Equal(t, data, append([]byte{}, m.Body.(*icmp.Echo).Data...))
		require.Zero(t, checksum(four[34:14+header.TotalLen]))

		from, to := netip.MustParseAddr("fd01::11"), netip.MustParseAddr("fd01::1")
		six := echoRequest(frameMAC, framePeer, from, to, [2]byte{1, 2}, data)
		header6, err := ipv6.ParseHeader(six[14:])
		require.NoError(t, err)
		require.Zero(t, checksum6(from, to, 58, six[54:54+header6.PayloadLen]))

		require.True(t, isEchoRequest(four))
		require.True(t, isEchoRequest(six))
		four[34], six[54] = 0, 129
		require.False(t, isEchoRequest(four))
		require.False(t, isEchoRequest(six))
	})
}

func FuzzIsEchoRequest(f *testing.F) {
	f.Add(make([]byte, 60))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) { isEchoRequest(frame) })
}

func TestAddressesMadeOfNamesAreUnicastAndLocal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		mac := macOf(a)
		require.Equal(t, byte(2), mac[0]&3)
		require.Equal(t, a == b, mac.String() == macOf(b).String())
		require.Equal(t, byte(2), nonce()[0]&3)
	})
}

func TestAFreeAddressIsOneThatNobodyUses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		subnet := netip.MustParsePrefix(rapid.SampledFrom([]string{"10.9.0.0/29", "10.9.0.0/30", "fd09::/125"}).Draw(t, "subnet"))
		used := map[netip.Addr]bool{}
		for a := subnet.Addr(); subnet.Contains(a); a = a.Next() {
			used[a] = rapid.Bool().Draw(t, a.String())
		}
		got, ok := freeAddress(subnet, used)
		if !ok {
			return
		}
		require.True(t, subnet.Contains(got))
		require.False(t, used[got])
		require.NotEqual(t, subnet.Addr(), got)
		require.False(t, got.Is4() && !subnet.Contains(got.Next()), "%s is for broadcasts", got)
	})
}
