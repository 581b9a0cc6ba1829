//go:build linux

package linux

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// flow is a stream of datagrams from a host to the public network, a thousand a
// second, each of which is sent back.
type flow struct {
	t      *testing.T
	host   *net.UDPConn
	public *net.UDPConn
	stop   chan struct{}
	done   sync.WaitGroup

	mu   sync.Mutex
	back map[uint64]bool
	sent uint64
}

const flowPace = time.Millisecond

func startFlow(t *testing.T, c *Cloud, tenant topology.TenantID, host string, public string) *flow {
	t.Helper()
	return startFlowTo(t, c, tenant, host, public, func(f func() error) error { return c.InGateway(t.Context(), tenant, f) })
}

// startFlowTo is startFlow to an address of another place.
func startFlowTo(t *testing.T, c *Cloud, tenant topology.TenantID, host string, public string, there func(func() error) error) *flow {
	t.Helper()
	f := &flow{t: t, stop: make(chan struct{}), back: map[uint64]bool{}}
	require.NoError(t, there(func() (err error) {
		f.public, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(public), 0)))
		return err
	}))
	require.NoError(t, c.InHost(t.Context(), tenant, host, func() (err error) {
		f.host, err = net.DialUDP("udp", nil, f.public.LocalAddr().(*net.UDPAddr))
		return err
	}))
	f.done.Go(f.echo)
	f.done.Go(f.receive)
	f.await(func() bool { f.send(); return len(f.back) > 0 })
	f.done.Go(f.pace)
	return f
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
	for {
		select {
		case <-f.stop:
			return
		case <-tick.C:
			f.mu.Lock()
			f.send()
			f.mu.Unlock()
		}
	}
}

// await waits until something is so, asking with the lock held.
func (f *flow) await(so func() bool) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return so()
	}, 10*time.Second, time.Millisecond)
}

// some lets so many more datagrams be sent.
func (f *flow) some(n uint64) {
	f.t.Helper()
	f.mu.Lock()
	until := f.sent + n
	f.mu.Unlock()
	f.await(func() bool { return f.sent >= until })
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
func converge(t *testing.T, c *Cloud, tenant topology.TenantID, boot func(topology.Appliance) error, services ...topology.Service) {
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
