//go:build linux

package linux

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// flow is a stream of datagrams from a host to the public network, a thousand a
// second, each of which is sent back. What the machine kept it from sending in time
// it sends soon, not at once: a burst would overflow queues that are nobody's fault.
type flow struct {
	t      testing.TB
	host   *net.UDPConn
	public *net.UDPConn
	stop   chan struct{}
	done   sync.WaitGroup

	mu   sync.Mutex
	back map[uint64]bool
	sent uint64
	last time.Time     // when something came back
	gap  time.Duration // the longest time in which nothing did
}

const (
	flowPace   = time.Millisecond
	flowBurst  = 3       // the most that is sent at a time
	flowBuffer = 4 << 20 // of sockets: whoever reads late loses nothing
)

// roomy gives a socket a large buffer, more than the machine allows to everybody.
func roomy(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, flowBuffer) })
	if errors.Is(set, unix.EPERM) { // in a user namespace; then as much as there may be
		set = c.SetReadBuffer(flowBuffer)
	}
	return errors.Join(err, set)
}

func startFlow(t testing.TB, c *Cloud, tenant topology.TenantID, host string, public string) *flow {
	t.Helper()
	return startFlowTo(t, c, tenant, host, public, func(f func() error) error { return c.InGateway(t.Context(), tenant, f) })
}

// startFlowTo is startFlow to an address of another place.
func startFlowTo(t testing.TB, c *Cloud, tenant topology.TenantID, host string, public string, there func(func() error) error) *flow {
	t.Helper()
	f := &flow{t: t, stop: make(chan struct{}), back: map[uint64]bool{}}
	f.open(c, tenant, host, public, there)
	f.done.Go(f.echo)
	f.done.Go(f.receive)
	f.await(func() bool { f.send(); return len(f.back) > 0 })
	f.done.Go(f.pace)
	return f
}

// open opens the sockets at both ends.
func (f *flow) open(c *Cloud, tenant topology.TenantID, host string, public string, there func(func() error) error) {
	f.t.Helper()
	require.NoError(f.t, there(func() (err error) {
		f.public, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(public), 0)))
		return err
	}))
	require.NoError(f.t, c.InHost(f.t.Context(), tenant, host, func() (err error) {
		f.host, err = net.DialUDP("udp", nil, f.public.LocalAddr().(*net.UDPAddr))
		return err
	}))
	require.NoError(f.t, roomy(f.public))
	require.NoError(f.t, roomy(f.host))
}

func (f *flow) echo() {
	buf := make([]byte, 64)
	for {
		n, from, err := f.public.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, _ = f.public.WriteToUDPAddrPort(buf[:n], from)
	}
}

func (f *flow) receive() {
	buf := make([]byte, 64)
	for {
		n, err := f.host.Read(buf)
		if _, closed := err.(*net.OpError); closed && n == 0 && f.ended() {
			return
		}
		if n != 8 {
			continue
		}
		f.mu.Lock()
		f.back[binary.BigEndian.Uint64(buf)] = true
		now := time.Now()
		if !f.last.IsZero() {
			f.gap = max(f.gap, now.Sub(f.last))
		}
		f.last = now
		f.mu.Unlock()
	}
}

func (f *flow) ended() bool {
	select {
	case <-f.stop:
		return true
	default:
		return false
	}
}

func (f *flow) send() {
	_, _ = f.host.Write(binary.BigEndian.AppendUint64(nil, f.sent))
	f.sent++
}

func (f *flow) pace() {
	tick := time.NewTicker(flowPace)
	defer tick.Stop()
	for begin, n := time.Now(), time.Duration(0); ; {
		select {
		case <-f.stop:
			return
		case <-tick.C:
		}
		f.mu.Lock()
		for due := min(time.Since(begin)/flowPace, n+flowBurst); n < due; n++ {
			f.send()
		}
		f.mu.Unlock()
	}
}

// await waits until something is so, asking with the lock held.
func (f *flow) await(so func() bool) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return so()
	}, 2*time.Minute, time.Millisecond)
}

// some lets so many more datagrams be sent.
func (f *flow) some(n uint64) {
	f.t.Helper()
	f.mu.Lock()
	until := f.sent + n
	f.mu.Unlock()
	f.await(func() bool { return f.sent >= until })
}

func (f *flow) sentSoFar() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent
}

// end stops sending, waits for the last to come back, and counts.
func (f *flow) end() (sent, lost int) {
	f.t.Helper()
	f.mu.Lock()
	last := f.sent
	f.mu.Unlock()
	f.await(func() bool {
		for n := last; n < f.sent; n++ {
			if f.back[n] {
				return true
			}
		}
		return false
	})
	close(f.stop)
	require.NoError(f.t, f.host.Close())
	require.NoError(f.t, f.public.Close())
	f.done.Wait()
	for n := range last {
		if !f.back[n] {
			lost++
		}
	}
	return int(last), lost
}

// converge brings a tenant to have exactly the services, by the planner's steps.
func converge(t testing.TB, c *Cloud, tenant topology.TenantID, boot func(topology.Appliance) error, services ...topology.Service) {
	t.Helper()
	have, err := c.Observe(t.Context(), tenant)
	require.NoError(t, err)
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	for _, s := range steps {
		if s.Verb == topology.Boot {
			require.NoError(t, boot(*s.Appliance))
			continue
		}
		patiently(t, func(ctx context.Context) error { return c.Do(ctx, tenant, s) })
	}
}
