package broker

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

const headerRequestID = "X-Request-Id"

// What platforms send, spelled as http.Header keeps it: another spelling is made into
// this one at each look.
var (
	headerVersion         = http.CanonicalHeaderKey(api.HeaderVersion)
	headerRequestIdentity = http.CanonicalHeaderKey(api.HeaderRequestIdentity)
)

// tracked is one request on its way: its id, what was answered, who asked. It is
// the request's ResponseWriter, so that nothing escapes it.
type tracked struct {
	http.ResponseWriter
	server  *Server
	request *http.Request
	id      string
	began   time.Time
	status  int    // 0: nothing answered yet
	route   string // template, for metrics
	who     caller
}

// begin gives a request its id: the caller's own if it sent a fit one.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) *tracked {
	t := &tracked{ResponseWriter: w, server: s, request: r, began: time.Now(), id: requestID(r)}
	h := w.Header()
	h[headerRequestID] = []string{t.id}
	if given := r.Header.Get(headerRequestIdentity); given != "" {
		h.Set(headerRequestIdentity, given)
	}
	h["X-Content-Type-Options"], h["Cache-Control"] = noSniff, noStore
	return t
}

// What every answer says. Nobody alters a header's values; they are replaced.
var noSniff, noStore, jsonMedia = []string{"nosniff"}, []string{"no-store"}, []string{"application/json"}

func requestID(r *http.Request) string {
	for _, name := range []string{headerRequestIdentity, headerRequestID} {
		if id := r.Header.Get(name); id != "" && len(id) <= 128 && printable(id) {
			return id
		}
	}
	return rand.Text()
}

func printable(s string) bool {
	for _, c := range s {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return true
}

// trackedOf is the request that is answered by w; nil: nobody tracks it.
func trackedOf(w http.ResponseWriter) *tracked {
	t, _ := w.(*tracked)
	return t
}

// WriteHeader keeps the status for the log.
func (t *tracked) WriteHeader(status int) {
	if t.status == 0 {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Write counts as a 200 when no status was written before.
func (t *tracked) Write(p []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	return t.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find what it needs.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// end answers for a handler that panicked, counts the request, and writes the
// audit line of one that was meant to change something.
func (t *tracked) end() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		t.server.Log.Error("a request's handler panicked", "request", t.id, "method", t.request.Method,
			"route", t.route, "panic", p, "stack", string(debug.Stack()))
		if t.status == 0 {
			refuse(t, t.request, errPanicked)
		}
	}
	took := time.Since(t.began)
	t.server.metrics.count(t.request.Method, t.route, t.status, took)
	if t.request.Method != http.MethodGet && t.request.Method != http.MethodHead {
		t.audit(took)
	}
}

// audit says who asked for what and how it was answered; ids only, no bodies.
func (t *tracked) audit(took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("request", t.id), slog.String("caller", t.who.String()),
		slog.String("method", t.request.Method), slog.String("path", t.request.URL.EscapedPath()),
		slog.Int("status", t.status), slog.Duration("took", took),
	}
	if id := originatingIdentity(t.request); id != "" {
		attrs = append(attrs, slog.String("on_behalf_of", id))
	}
	t.server.Log.LogAttrs(context.WithoutCancel(t.request.Context()), level, "audit", attrs...)
}
