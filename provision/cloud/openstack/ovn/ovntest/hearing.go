package ovntest

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"regexp"
	"slices"
	"sync/atomic"

	"github.com/stretchr/testify/require"
)

var speaking = regexp.MustCompile(`\["mcast_eth_src","([^"]+)"\]`)

// Spoken are the MACs that switches were asked to send queries from, in their order.
func (d *Database) Spoken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.spoken)
}

// listen passes on what clients and the server say, as long as nothing is to fail.
func (d *Database) listen(dir string) {
	l, err := net.Listen("unix", dir+"/clients")
	require.NoError(d.t, err)
	d.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c, dir+"/server")
		}
	}()
}

func (d *Database) pass(c net.Conn, to string) {
	defer c.Close()
	s, err := net.Dial("unix", to)
	if err != nil {
		return
	}
	defer s.Close()
	answers := &hearing{Conn: c, heard: make(chan struct{}, 1)}
	go func() { defer c.Close(); defer answers.tell(); _, _ = io.Copy(answers, s) }()
	for messages := json.NewDecoder(c); ; {
		var m json.RawMessage
		if messages.Decode(&m) != nil {
			return
		}
		fails, effect := d.fails(m)
		answers.lost.Store(fails)
		if !fails || effect {
			_, _ = s.Write(m)
		}
		if fails && effect {
			<-answers.heard // the effect is there when the client hears that its connection is not
		}
		if fails {
			return
		}
	}
}

// hearing is a client that does not get answers any more once they are lost; that
// there is one is told.
type hearing struct {
	net.Conn
	lost  atomic.Bool
	heard chan struct{}
}

func (h *hearing) Write(p []byte) (int, error) {
	if !h.lost.Load() {
		return h.Conn.Write(p)
	}
	h.tell()
	return len(p), nil
}

func (h *hearing) tell() {
	select {
	case h.heard <- struct{}{}:
	default:
	}
}

func (d *Database) fails(m []byte) (fails, effect bool) {
	if !bytes.Contains(m, []byte(`"op":"mutate"`)) {
		return false, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changes++
	if of := speaking.FindSubmatch(m); of != nil {
		d.spoken = append(d.spoken, string(of[1]))
	}
	if d.n < 0 {
		return false, false
	}
	d.n--
	return d.n == -1, d.ok
}

// Fail has the client's nth change from now fail: the connection ends, before the
// change has its effect or, with effect, after.
func (d *Database) Fail(n int, effect bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n, d.ok = n, effect
}

// Changes is how many changes clients have asked for.
func (d *Database) Changes() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changes
}
