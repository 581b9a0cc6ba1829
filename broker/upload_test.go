package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// gate is a broker whose packages lie in a folder that the test can look into.
func gate(t *testing.T, quota catalog.Quota, patience time.Duration) (w *world, dir string) {
	t.Helper()
	st, err := store.Open(t.Context(), storetest.Driver(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	dir = t.TempDir()
	c, err := catalog.New(catalog.Config{Store: st, Dir: dir, Log: slog.New(slog.DiscardHandler), Quota: quota})
	require.NoError(t, err)
	return newWorld(t, func(b *broker.Config) { b.Catalog, b.Patience = c, patience }), dir
}

// raw sends bytes as they are, with the operator's credentials in front, and
// returns what was answered, if anything was.
func (w *world) raw(header string, body []byte, then func(*net.TCPConn)) *http.Response {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	require.NoError(w.t, err)
	defer conn.Close()
	r, err := http.NewRequest("POST", "http://broker/", nil)
	require.NoError(w.t, err)
	r.SetBasicAuth(adminName, password)
	fmt.Fprintf(conn, "POST /v1/packages?vendor=fresh HTTP/1.1\r\nHost: broker\r\nAuthorization: %s\r\n%s\r\n\r\n", r.Header.Get("Authorization"), header)
	_, _ = conn.Write(body) // the broker may have had enough
	then(conn.(*net.TCPConn))
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	if err != nil {
		return nil
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}

// requireNothingOf checks that a vendor has nothing, and that nothing is staged.
func requireNothingOf(t *testing.T, w *world, dir, vendor string) {
	t.Helper()
	packages, err := w.admin.Packages(t.Context(), vendor)
	require.NoError(t, err)
	require.Empty(t, packages)
	require.Eventually(t, func() bool {
		staged, err := os.ReadDir(filepath.Join(dir, "staging"))
		return err == nil && len(staged) == 0
	}, time.Minute, time.Millisecond)
}

func TestAnUploadWhoseLengthLiesLeavesNothing(t *testing.T) {
	t.Parallel()
	w, dir := gate(t, catalog.Quota{}, time.Minute)
	ova := firewallOVA(t)
	data := len(ova) - 1024 // without the end marker, whose absence is a warning
	for name, c := range map[string]struct {
		announced, sent int
		status          int // 0: the broker may close without an answer
	}{
		"shorter than sent":     {data / 2, len(ova), http.StatusBadRequest},
		"longer than sent":      {2 * len(ova), len(ova) / 2, 0},
		"dropped at 99 percent": {len(ova), data * 99 / 100, 0},
		"nothing sent":          {len(ova), 0, 0},
		"nothing announced":     {0, len(ova), http.StatusBadRequest},
	} {
		res := w.raw(fmt.Sprint("Content-Length: ", c.announced), ova[:c.sent], func(conn *net.TCPConn) { _ = conn.CloseWrite() })
		if c.status != 0 {
			require.NotNil(t, res, name)
			require.Equal(t, c.status, res.StatusCode, name)
		}
		requireNothingOf(t, w, dir, "fresh")
	}
	res := w.raw("Content-Length: -5", nil, func(*net.TCPConn) {})
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	res = w.raw("Transfer-Encoding: chunked", []byte("ffffffffffffffffff\r\n"), func(*net.TCPConn) {})
	require.Equal(t, http.StatusBadRequest, res.StatusCode)
	requireNothingOf(t, w, dir, "fresh")

	_, err := w.admin.Push(t.Context(), "fresh", bytes.NewReader(ova), int64(len(ova)), nil)
	require.NoError(t, err)
}

// A client that stops sending, or sends a byte now and then, loses its place.
func TestASlowUploadIsGivenUp(t *testing.T) {
	t.Parallel()
	w, dir := gate(t, catalog.Quota{Pushes: 1}, time.Second)
	ova := firewallOVA(t)
	for name, trickle := range map[string]bool{"silent": false, "byte by byte": true} {
		began := time.Now()
		res := w.raw(fmt.Sprint("Content-Length: ", len(ova)), ova[:600], func(conn *net.TCPConn) {
			ticks := time.NewTicker(5 * time.Millisecond)
			defer ticks.Stop()
			for n := 600; trickle && n < len(ova) && time.Since(began) < 30*time.Second; n++ {
				<-ticks.C
				if _, err := conn.Write(ova[n : n+1]); err != nil {
					return
				}
			}
		})
		require.Less(t, time.Since(began), 30*time.Second, name)
		if res != nil { // a client that goes on sending may miss the answer
			require.Equal(t, http.StatusServiceUnavailable, res.StatusCode, name)
		}
		requireNothingOf(t, w, dir, "fresh")
	}
	_, err := w.admin.Push(t.Context(), "fresh", bytes.NewReader(ova), int64(len(ova)), nil)
	require.NoError(t, err, "its place is free again")
}

func TestUploadsHaveAQuota(t *testing.T) {
	t.Parallel()
	ova := firewallOVA(t)
	w, dir := gate(t, catalog.Quota{Pushes: 1, Bytes: 1 << 20}, time.Minute)

	// Refused by what it announces: not a byte is read.
	unread := &untouched{}
	_, err := w.admin.Push(t.Context(), "fresh", unread, 1<<30, nil)
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, `the packages of vendor "fresh" may have 1048576 bytes together`)
	require.False(t, unread.read)
	// Refused by what comes when nothing is announced.
	_, err = w.admin.Push(t.Context(), "fresh", io.MultiReader(bytes.NewReader(largeMember), endless{}), -1, nil)
	require.ErrorIs(t, err, fault.TooLarge)
	requireNothingOf(t, w, dir, "fresh")

	// One at once: the second is told to come back, and when.
	began, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := w.admin.Push(context.Background(), "fresh", &stalled{Reader: bytes.NewReader(ova), began: began, release: release}, int64(len(ova)), nil)
		first <- err
	}()
	<-began
	_, err = w.admin.Push(t.Context(), "fresh", bytes.NewReader(ova), int64(len(ova)), nil)
	require.ErrorIs(t, err, fault.TooMany)
	res := w.raw(fmt.Sprint("Content-Length: ", len(ova)), nil, func(*net.TCPConn) {})
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	require.NotEmpty(t, res.Header.Get("Retry-After"))
	_, err = w.admin.Push(t.Context(), "other", bytes.NewReader(ova), int64(len(ova)), nil)
	require.NoError(t, err, "another vendor is not kept waiting")
	close(release)
	require.NoError(t, <-first)
}

// Who uploads something large and wrong reads what is wrong, though the broker has
// stopped listening long before the end.
func TestALargeRefusedUploadIsTold(t *testing.T) {
	t.Parallel()
	w, dir := gate(t, catalog.Quota{}, time.Minute)
	link := bytes.Clone(largeMember)
	link[156] = '2'
	copy(link[148:], "        ")
	sum := 0
	for _, b := range link {
		sum += int(b)
	}
	copy(link[148:], fmt.Sprintf("%06o\x00 ", sum))
	for range 5 {
		_, err := w.admin.Push(t.Context(), "fresh", io.MultiReader(bytes.NewReader(link), io.LimitReader(endless{}, 64<<20)), 64<<20+512, nil)
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, "is a symbolic link")
	}
	requireNothingOf(t, w, dir, "fresh")
}

// What a package says is in the answer, on lines that harm nobody, and not in the log.
func TestHostileTextStaysOnItsLine(t *testing.T) {
	t.Parallel()
	w, _ := gate(t, catalog.Quota{}, time.Minute)
	evil := strings.Repeat("A", 5000) + "\x1b[2J\nlevel=ERROR msg=forged\u202e"
	ova := bytes.Replace(firewallOVA(t), []byte("<ovf:Product>"), []byte("<ovf:Product>"+strings.Repeat("\x02", 3)), 1)
	for _, body := range [][]byte{[]byte("<" + evil), ova} {
		_, err := w.admin.Push(t.Context(), "fresh", bytes.NewReader(body), -1, nil)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		for _, line := range append(f.Details, f.Message) {
			require.Less(t, len(line), 3000)
			require.NotContains(t, line, "\n")
			require.NotContains(t, line, "\x1b")
			require.NotContains(t, line, "\u202e")
		}
	}
	require.NotContains(t, w.log.String(), "forged")
	for line := range strings.Lines(w.log.String()) {
		require.Less(t, len(line), 2000)
	}
}

// largeMember is the header of a file of 8 GiB.
var largeMember = func() []byte {
	header := make([]byte, 512)
	copy(header, "disk.img")
	copy(header[100:], "0000644\x000000000\x000000000\x0077777777777\x0000000000000\x00")
	copy(header[148:], "        0")
	copy(header[257:], "ustar\x0000")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return header
}()

type endless struct{}

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// untouched is a body that must not be read.
type untouched struct{ read bool }

func (u *untouched) Read([]byte) (int, error) {
	u.read = true
	return 0, errors.New("was read")
}

// stalled waits after its first bytes.
type stalled struct {
	*bytes.Reader
	began, release chan struct{}
	told           bool
}

func (s *stalled) Read(p []byte) (int, error) {
	if s.told {
		<-s.release
		return s.Reader.Read(p)
	}
	n, err := s.Reader.Read(p[:min(len(p), 1024)])
	if s.Size()-int64(s.Len()) >= 1024 {
		s.told = true
		close(s.began)
	}
	return n, err
}
