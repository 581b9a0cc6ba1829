package metering

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhichAddressesArePublic(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"8.8.8.8", "2a00:1450::1", "::ffff:8.8.8.8"} {
		require.True(t, public(netip.MustParseAddr(a)), a)
	}
	for _, a := range []string{
		"127.0.0.1", "::1", "0.0.0.0", "::", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "fe80::1", "fd00::1", "100.64.0.1",
		"224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "192.0.0.1",
	} {
		require.False(t, public(netip.MustParseAddr(a)), a)
	}
}
