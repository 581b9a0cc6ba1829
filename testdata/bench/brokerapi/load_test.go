package brokerapi_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	connections = 32
	user        = "cf"
	password    = "correct horse battery"
)

// request is what one connection sends next.
type request struct {
	method, path, body string
	header             string // further lines, each ended by \r\n
	status             int    // wanted
}

// bytes is the request as it goes over the wire.
func (r request) bytes(host string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, host)
	b.WriteString("X-Broker-API-Version: 2.17\r\nAuthorization: Basic ")
	b.WriteString(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
	b.WriteString("\r\n" + r.header)
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	return b.String()
}

// measure is what a load made of a server.
type measure struct {
	took  time.Duration
	times []time.Duration // of each request
	cpu   time.Duration   // of this process, generator included
}

// work is the processor time that a request cost, all in all. It hardly depends on
// what else the machine does meanwhile.
func (m measure) work() time.Duration { return m.cpu / time.Duration(len(m.times)) }

func (m measure) rate() float64 { return float64(len(m.times)) / m.took.Seconds() }

// quantile is the time within which a share q of all requests was answered.
func (m measure) quantile(q float64) time.Duration {
	slices.Sort(m.times)
	return m.times[min(int(q*float64(len(m.times))), len(m.times)-1)]
}

// load sends requests over 32 connections for a while, each connection its next
// one as soon as the last is answered. The generator writes bytes and reads
// answers, and little else: what is measured is the server.
func load(b *testing.B, address string, d time.Duration, next func() request) measure {
	b.Helper()
	var all sync.WaitGroup
	var stop atomic.Bool
	times := make([][]time.Duration, connections)
	errs := make([]error, connections)
	began, before := time.Now(), processor(b)
	time.AfterFunc(d, func() { stop.Store(true) })
	for n := range connections {
		all.Go(func() { times[n], errs[n] = connection(address, &stop, next) })
	}
	all.Wait()
	m := measure{took: time.Since(began), times: slices.Concat(times...), cpu: processor(b) - before}
	for _, err := range errs {
		require.NoError(b, err)
	}
	return m
}

// processor is the processor time that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func connection(address string, stop *atomic.Bool, next func() request) (times []time.Duration, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 64<<10)
	for !stop.Load() {
		r := next()
		text := r.bytes(address)
		began := time.Now()
		if _, err := io.WriteString(conn, text); err != nil {
			return nil, err
		}
		if err := r.read(answers); err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
	return times, nil
}

// once sends one request over a connection of its own.
func once(address string, r request) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, r.bytes(address)); err != nil {
		return err
	}
	return r.read(bufio.NewReader(conn))
}

// read takes in one answer, whole.
func (r request) read(answers *bufio.Reader) error {
	res, err := http.ReadResponse(answers, &http.Request{Method: r.method})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != r.status {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s %s: %s, wanted %d: %.500s", r.method, r.path, res.Status, r.status, text)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// side is a server under one kind of request.
type side struct {
	name    string
	address string
	next    func() request
	world   *world // that rests while the other side is loaded; nil: it need not
}

// load is one side's turn, warmed up.
func (s side) load(b *testing.B) measure {
	b.Helper()
	const warm, long = 300 * time.Millisecond, 4 * time.Second
	load(b, s.address, warm, s.next)
	return load(b, s.address, long, s.next)
}

// alone has only one of two worlds at work, if they are any.
func (s side) alone(b *testing.B, other side) measure {
	b.Helper()
	if s.world == nil {
		return s.load(b)
	}
	other.world.rest(b)
	m := s.load(b)
	other.world.work()
	return m
}

// compare loads two servers, one after the other, and reports both rates, how many
// times the first's the second's is, and the time that 99 % of requests took. What
// our engine still has to do when its turn is over slows nobody else down.
func compare(b *testing.B, first, second side) {
	b.Helper()
	b.ResetTimer()
	for range b.N {
		one := first.alone(b, second)
		two := second.alone(b, first)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(one.rate(), first.name+"/s")
		b.ReportMetric(two.rate(), second.name+"/s")
		b.ReportMetric(two.rate()/one.rate(), "ratio")
		b.ReportMetric(float64(one.work().Microseconds()), first.name+"-cpu-µs")
		b.ReportMetric(float64(two.work().Microseconds()), second.name+"-cpu-µs")
		b.ReportMetric(one.quantile(0.99).Seconds()*1000, first.name+"-p99-ms")
		b.ReportMetric(two.quantile(0.99).Seconds()*1000, second.name+"-p99-ms")
	}
}
