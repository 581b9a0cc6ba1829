//go:build linux

package linux

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// stream is a download from the public network by a host, as fast as it goes, of
// bytes that nobody can guess.
type stream struct {
	download net.Conn
	stop     chan struct{} // asks the server to come to an end
	done     sync.WaitGroup
	sent     []byte // digests of what was sent and of what arrived
	arrived  []byte

	mu      sync.Mutex
	bytes   int64
	last    time.Time
	longest time.Duration // between two reads
}

func startStream(t testing.TB, c *Cloud, tenant topology.TenantID, host string) *stream {
	t.Helper()
	var public *net.TCPListener
	require.NoError(t, c.InGateway(t.Context(), tenant, func() (err error) {
		public, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(PublicIPv4), 0)))
		return err
	}))
	s := &stream{last: time.Now(), stop: make(chan struct{})}
	s.done.Go(func() {
		defer public.Close()
		conn, err := public.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		s.sent = s.serve(conn)
	})
	require.NoError(t, c.InHost(t.Context(), tenant, host, func() (err error) {
		s.download, err = net.Dial("tcp", public.Addr().String())
		return err
	}))
	s.done.Go(func() { s.arrived = s.read() })
	return s
}

// serve sends until it is to stop.
func (s *stream) serve(conn net.Conn) []byte {
	sum, block := sha256.New(), make([]byte, 50_000)
	rand.Read(block)
	for n := uint64(0); ; n++ {
		select {
		case <-s.stop:
			return sum.Sum(nil)
		default:
		}
		binary.BigEndian.PutUint64(block, n) // no two blocks are alike
		wrote, err := conn.Write(block)
		sum.Write(block[:wrote])
		if err != nil {
			return sum.Sum(nil)
		}
	}
}

func (s *stream) read() []byte {
	sum, buf := sha256.New(), make([]byte, 1<<16)
	for {
		n, err := s.download.Read(buf)
		sum.Write(buf[:n])
		s.mu.Lock()
		s.bytes, s.longest, s.last = s.bytes+int64(n), max(s.longest, time.Since(s.last)), time.Now()
		s.mu.Unlock()
		if err != nil {
			return sum.Sum(nil)
		}
	}
}

// more waits for a further megabyte.
func (s *stream) more(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	until := s.bytes + 1<<20
	s.mu.Unlock()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.bytes >= until
	}, 2*time.Minute, time.Millisecond)
}

// end has the download come to its end: all that was sent has arrived.
func (s *stream) end(t testing.TB) (total int64, longest time.Duration) {
	t.Helper()
	close(s.stop)
	s.done.Wait()
	require.NoError(t, s.download.Close())
	require.Equal(t, s.sent, s.arrived, "the checksums of what was sent and of what arrived")
	t.Logf("%d MiB, longest wait between two reads %s", s.bytes>>20, s.longest)
	require.Less(t, s.longest, 10*time.Second)
	return s.bytes, s.longest
}

func TestADownloadGoesOnAcrossSwaps(t *testing.T) {
	for name, test := range map[string]struct {
		make   func(testing.TB) *Cloud
		server func(testing.TB) cloud.Server
	}{
		"with bridges as appliances": {newPatched, func(testing.TB) cloud.Server { return cloud.Server{} }},
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
