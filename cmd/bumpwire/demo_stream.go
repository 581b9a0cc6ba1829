//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// streamServer sends bytes to whoever connects, until it is closed.
type streamServer struct {
	listener net.Listener
	done     sync.WaitGroup
}

// serveStream listens; it must be called in the server's namespace.
func serveStream(address string) (*streamServer, error) {
	l, err := net.Listen("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	s := &streamServer{listener: l}
	s.done.Go(s.accept)
	return s, nil
}

func (s *streamServer) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.done.Go(func() { drip(conn) })
	}
}

// drip writes small blocks at a pace that a software-emulated appliance keeps up
// with, until the other side goes away.
func drip(conn net.Conn) {
	defer conn.Close()
	block := make([]byte, 4096)
	for range time.Tick(10 * time.Millisecond) {
		_ = conn.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if _, err := conn.Write(block); err != nil {
			return
		}
	}
}

func (s *streamServer) close() { s.listener.Close() }

// download reads a stream and keeps count, also of the longest silence.
type download struct {
	conn    net.Conn
	bytes   atomic.Int64
	longest atomic.Int64 // nanoseconds between two reads
	broken  atomic.Bool
	done    sync.WaitGroup
}

func (d *download) start() {
	d.done.Go(func() {
		buf := make([]byte, 64<<10)
		last := time.Now()
		for {
			n, err := d.conn.Read(buf)
			d.bytes.Add(int64(n))
			now := time.Now()
			d.longest.Store(max(d.longest.Load(), int64(now.Sub(last))))
			last = now
			if err != nil {
				d.broken.Store(!errors.Is(err, net.ErrClosed))
				return
			}
		}
	})
}

func (d *download) close() {
	d.conn.Close()
	d.done.Wait()
}

// connects says whether a TCP connection to an address carries at least one byte
// within the limit. A refusal is an error: nobody listens there, so the answer
// would say nothing about a firewall.
func connects(ctx context.Context, address string, limit time.Duration) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", address)
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil
		}
		return false, fmt.Errorf("cannot try %s: %w", address, err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err == nil, nil
}
