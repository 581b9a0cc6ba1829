//go:build linux

package linux

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// stream is a download from the public network by a host, as fast as it goes.
type stream struct {
	download net.Conn
	done     sync.WaitGroup

	mu      sync.Mutex
	bytes   int64
	last    time.Time
	longest time.Duration // between two reads
	damaged bool
}

func startStream(t *testing.T, c *Cloud, tenant topology.TenantID, host string) *stream {
	t.Helper()
	var public *net.TCPListener
	require.NoError(t, c.InGateway(t.Context(), tenant, func() (err error) {
		public, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(PublicIPv4), 0)))
		return err
	}))
	s := &stream{last: time.Now()}
	s.done.Go(func() {
		defer public.Close()
		conn, err := public.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		block := make([]byte, 1<<16)
		for i := range block {
			block[i] = byte(i % 251)
		}
		for block = block[:251*200]; err == nil; {
			_, err = conn.Write(block)
		}
	})
	require.NoError(t, c.InHost(t.Context(), tenant, host, func() (err error) {
		s.download, err = net.Dial("tcp", public.Addr().String())
		return err
	}))
	s.done.Go(s.read)
	return s
}

func (s *stream) read() {
	buf := make([]byte, 1<<16)
	for at := int64(0); ; {
		n, err := s.download.Read(buf)
		s.mu.Lock()
		for i, b := range buf[:n] {
			s.damaged = s.damaged || b != byte((at+int64(i))%251)
		}
		at += int64(n)
		s.bytes, s.longest, s.last = at, max(s.longest, time.Since(s.last)), time.Now()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// more waits for a further megabyte.
func (s *stream) more(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	until := s.bytes + 1<<20
	s.mu.Unlock()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.bytes >= until
	}, 30*time.Second, time.Millisecond)
}

func (s *stream) end(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	total, longest := s.bytes, s.longest
	s.mu.Unlock()
	require.NoError(t, s.download.Close())
	s.done.Wait()
	require.False(t, s.damaged)
	t.Logf("%d MiB, longest wait between two reads %s", total>>20, longest)
	require.Less(t, longest, 3*time.Second)
}

func TestADownloadGoesOnAcrossSwaps(t *testing.T) {
	for name, test := range map[string]struct {
		make   func(*testing.T) *Cloud
		server func(*testing.T) cloud.Server
	}{
		"with bridges as appliances": {newPatched, func(*testing.T) cloud.Server { return cloud.Server{} }},
		"with a real appliance":      {newReal, firewallServer},
	} {
		t.Run(name, func(t *testing.T) {
			server := test.server(t)
			c := test.make(t)
			village(t, c, "a")
			boot := func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }
			s := startStream(t, c, "a", "h1")
			s.more(t)
			converge(t, c, "a", boot, inPath("fw", 20))
			s.more(t)
			converge(t, c, "a", boot)
			s.more(t)
			s.end(t)
		})
	}
}
