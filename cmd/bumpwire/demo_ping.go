//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// pinger sends numbered ICMP echo requests at a steady rate and remembers which
// were answered.
type pinger struct {
	conn net.PacketConn
	to   net.Addr
	rate int // per second
	id   int

	mu       sync.Mutex
	sentAt   []time.Time // by sequence number
	answered []bool
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// pingSize is the payload: a 64-bit sequence number, since ICMP's own has 16.
const pingSize = 56

// listenPing opens the socket; it must be called in the sender's namespace.
func listenPing(to net.IP, rate int) (*pinger, error) {
	conn, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		return nil, fmt.Errorf("cannot open an ICMP socket: %w", err)
	}
	if err := makeRoom(conn.(*net.IPConn)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("cannot give an ICMP socket room: %w", err)
	}
	return &pinger{conn: conn, to: &net.IPAddr{IP: to}, rate: rate, id: os.Getpid() & 0xffff}, nil
}

// pingRoom is what a socket may hold that is not read yet, in bytes: answers that a
// guest gives all at once after it stood still for some seconds.
const pingRoom = 16 << 20

// makeRoom takes the room whatever the system's limit is, where it may, and what the
// limit gives otherwise.
func makeRoom(conn *net.IPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, pingRoom) })
	if err == nil && errors.Is(set, unix.EPERM) {
		set = conn.SetReadBuffer(pingRoom)
	}
	return errors.Join(err, set)
}

// start sends until close.
func (p *pinger) start(ctx context.Context) {
	ctx, p.stop = context.WithCancel(ctx)
	p.done.Go(func() { p.send(ctx) })
	p.done.Go(p.receive)
}

// send keeps to the clock: a late tick is made up for, so the rate holds on a
// busy machine.
func (p *pinger) send(ctx context.Context) {
	begin := time.Now()
	tick := time.NewTicker(time.Second / time.Duration(p.rate))
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(begin) * time.Duration(p.rate) / time.Second); n < due; n++ {
			p.one(n)
		}
	}
}

func (p *pinger) one(n int) {
	payload := make([]byte, pingSize)
	binary.BigEndian.PutUint64(payload, uint64(n))
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: n & 0xffff, Data: payload}}
	packet, err := m.Marshal(nil)
	if err != nil {
		panic(err) // the message is ours and always marshals
	}
	p.mu.Lock()
	p.sentAt = append(p.sentAt, time.Now())
	p.answered = append(p.answered, false)
	p.mu.Unlock()
	_, _ = p.conn.WriteTo(packet, p.to) // a packet that could not be sent counts as lost
}

func (p *pinger) receive() {
	buf := make([]byte, 1500)
	for {
		n, _, err := p.conn.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		m, err := icmp.ParseMessage(ipv4.ICMPTypeEchoReply.Protocol(), buf[:n])
		if err != nil || m.Type != ipv4.ICMPTypeEchoReply {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		if !ok || echo.ID != p.id || len(echo.Data) < 8 {
			continue
		}
		p.mark(binary.BigEndian.Uint64(echo.Data))
	}
}

func (p *pinger) mark(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < uint64(len(p.answered)) {
		p.answered[n] = true
	}
}

// close stops sending, waits a moment for late answers, and closes the socket.
func (p *pinger) close(late time.Duration) {
	if p.stop == nil {
		p.conn.Close()
		return
	}
	p.stop()
	time.Sleep(late)
	p.conn.Close()
	p.done.Wait()
}

// count gives the requests sent in [from, to) and how many were not answered.
func (p *pinger) count(from, to time.Time) (sent, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, at := range p.sentAt {
		if at.Before(from) || !at.Before(to) {
			continue
		}
		sent++
		if !p.answered[n] {
			lost++
		}
	}
	return sent, lost
}

// unanswered gives when the requests were sent that had no answer, of those sent
// in [from, to).
func (p *pinger) unanswered(from, to time.Time) (sent []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, at := range p.sentAt {
		if !p.answered[n] && !at.Before(from) && at.Before(to) {
			sent = append(sent, at)
		}
	}
	return sent
}
