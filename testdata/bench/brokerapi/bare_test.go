package brokerapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// newBare is the least that a server can do which accepts durably: it reads the
// request and answers 202 once the body is on disk, appended to a file. Requests
// that wait share a flush. It knows no JSON, no passwords and no ids: what it takes
// is the price of HTTP and of the disk.
func newBare(b *testing.B) (address string) {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "log"))
	require.NoError(b, err)
	l := &log{file: f, wake: make(chan struct{}, 1)}
	go l.write()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = l.append(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"operation":"1"}`)
	}))
	b.Cleanup(func() {
		server.Close()
		close(l.wake)
	})
	return strings.TrimPrefix(server.URL, "http://")
}

// log is a file that a group of bodies is appended to at a time.
type log struct {
	file *os.File
	wake chan struct{}

	mu      sync.Mutex
	text    []byte
	waiting []chan error
}

func (l *log) append(body []byte) error {
	done := make(chan error, 1)
	l.mu.Lock()
	l.text, l.waiting = append(l.text, body...), append(l.waiting, done)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	return <-done
}

func (l *log) write() {
	for range l.wake {
		l.mu.Lock()
		text, waiting := l.text, l.waiting
		l.text, l.waiting = nil, nil
		l.mu.Unlock()
		_, err := l.file.Write(text)
		if err == nil {
			err = l.file.Sync()
		}
		for _, w := range waiting {
			w <- err
		}
	}
	l.file.Close()
}
