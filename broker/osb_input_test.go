package broker_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
)

// Each mistake of a request, on each route that can make it, is refused in one
// sentence that says what is wrong.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	orders := map[string]map[string]any{
		"PUT /v2/service_instances/two":      w.order(),
		"PATCH " + one:                       {"service_id": w.service.ID},
		"PUT " + one + "/service_bindings/b": w.bindOrder(),
	}
	for route, order := range orders {
		method, path, _ := strings.Cut(route, " ")
		mistakes := map[string]any{
			"JSON object": `[]`, "malformed JSON at byte": `{"service_id" "x"}`, "ends too early": `{"service_id":`, "more than one": `{}{}`,
			"too long":                     with(order, "parameters", map[string]any{"a": numbered(strings.Repeat("9", 100))}),
			"number":                       with(order, "parameters", map[string]any{"a": numbered("1e9999")}),
			"service_id is required":       with(order, "service_id", nil),
			`"service_id" must not be a n`: with(order, "service_id", 5),
			"parameters":                   with(order, "parameters", []any{1}),
			"context":                      with(order, "context", "text"),
		}
		for say, body := range mistakes {
			r := w.send(method, path+incomplete, body)
			require.Equal(t, 400, r.status, "%s, %q: %s", route, say, r.text)
			require.Contains(t, r.body["description"], say, route)
		}
		for media, want := range map[string]int{"text/plain": 400, "application/json;": 200, `multipart/form-data; boundary="`: 400} {
			r := w.send(method, path+incomplete, order, func(r *http.Request) { r.Header.Set("Content-Type", media) })
			require.Equal(t, want == 400, r.status == 400, "%s as %s: %s", route, media, r.text)
		}
	}
	require.Equal(t, 410, w.delete("/v2/service_instances/three"+w.removal()).status)
}

// numbered is a JSON number as it is written.
type numbered string

func (n numbered) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// An id that cannot be one, a query that cannot be read: on every route.
func TestMistakesInAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"%ff", "a%00b", "%ed%a0%80", strings.Repeat("x", 10<<10), strings.Repeat("%C3%BC", 600)} {
		instance := "/v2/service_instances/" + id
		for _, route := range []string{
			"PUT " + instance, "PATCH " + instance, "GET " + instance, "DELETE " + instance, "GET " + instance + "/last_operation",
			"PUT " + one + "/service_bindings/" + id, "GET " + one + "/service_bindings/" + id, "DELETE " + one + "/service_bindings/" + id,
			"GET " + one + "/service_bindings/" + id + "/last_operation",
		} {
			method, path, _ := strings.Cut(route, " ")
			r := w.send(method, path+w.removal(), w.order())
			require.Equal(t, 400, r.status, "%.60s: %s", route, r.text)
			require.Contains(t, r.body["description"], "is not an id")
		}
	}
	for _, query := range []string{"?operation=%zz", "?a;b", "?service_id=%"} {
		for _, path := range []string{"/v2/catalog", one, one + "/last_operation", bound, bound + "/last_operation"} {
			require.Equal(t, 400, w.get(path+query).status, path+query)
		}
	}
	require.Equal(t, 404, w.get("/v2/service_instances/").status)
	require.Equal(t, 404, w.get("/v2/nothing").status)
	require.Equal(t, 405, w.send("POST", one, w.order()).status)
}

// A refusal is never longer than somebody reads, however much is wrong.
func TestRefusalsAreShort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wrong := map[string]any{}
	for n := range 20_000 {
		wrong[fmt.Sprint("unknown-", n)] = n
	}
	r := w.put(one+incomplete, with(w.order(), "parameters", wrong))
	require.Equal(t, 400, r.status)
	require.Less(t, len(r.body["description"].(string)), 2100)
	require.True(t, strings.HasSuffix(r.body["description"].(string), "and more"))
}

// serving is a broker like the world's behind its own server, with its time limits.
func (w *world) serving(patience time.Duration) net.Addr {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	config := w.config
	config.Patience = patience
	b, err := broker.New(config)
	require.NoError(w.t, err)
	server := b.HTTPServer()
	done := make(chan error)
	go func() { done <- server.Serve(listener) }()
	w.t.Cleanup(func() {
		require.NoError(w.t, server.Close())
		require.ErrorIs(w.t, <-done, http.ErrServerClosed)
	})
	return listener.Addr()
}

// A client that dribbles its headers, its body, or nothing at all is dropped.
func TestSlowClientsAreDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.serving(500 * time.Millisecond).String()
	for name, begun := range map[string]string{
		"headers": "PUT " + one + " HTTP/1.1\r\nHost: x\r\nX-A: ",
		"body":    w.head("PUT", one+incomplete, "Content-Length: 100") + "{",
		"chunks":  w.head("PUT", one+incomplete, "Transfer-Encoding: chunked") + "5\r\n{\"a\":",
	} {
		conn, err := net.Dial("tcp", at)
		require.NoError(t, err)
		_, err = io.WriteString(conn, begun)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = io.ReadAll(conn) // ends because the broker hangs up
		require.NoError(t, err, name)
		require.NoError(t, conn.Close())
	}
}

// head is the beginning of a request that the platform may make.
func (w *world) head(method, path, more string) string {
	r, err := http.NewRequest(method, path, nil)
	require.NoError(w.t, err)
	r.SetBasicAuth(platformName, password)
	return method + " " + path + " HTTP/1.1\r\nHost: x\r\nX-Broker-API-Version: 2.17\r\nAuthorization: " + r.Header.Get("Authorization") + "\r\n" + more + "\r\n\r\n"
}

// A body is read up to its limit and no further, with and without its length told.
func TestBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.serving(time.Minute).String()
	for _, more := range []string{"Content-Length: 1099511627776", "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", at)
		require.NoError(t, err)
		sent := make(chan int, 1)
		go func() {
			n := 0
			_, _ = io.WriteString(conn, w.head("PUT", one+incomplete, more))
			chunk := "10000\r\n" + strings.Repeat(" ", 0x10000) + "\r\n"
			for {
				k, err := io.WriteString(conn, chunk)
				if n += k; err != nil || n > 64<<20 {
					sent <- n
					return
				}
			}
		}()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
		require.NoError(t, conn.Close())
		require.Less(t, <-sent, 32<<20, "the broker stopped reading")
	}
}

// What must stay secret is in no line of the log, whatever becomes of the request.
func TestLogsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	const secret = "Very-Secret-4711"
	order := with(w.order(), "parameters", map[string]any{"networks": []string{"lan"}, "management.password": secret})
	for _, body := range []any{
		with(order, "plan_id", secret+"-plan"), `{"parameters":{"management.password":"` + secret + `"`, `{"parameters":"` + secret + `"}`,
		with(order, "parameters", map[string]any{secret: secret}), with(order, "context", secret),
		with(order, "parameters", map[string]any{"networks": []string{"lan"}, "management.password": secret + strings.Repeat("x", 1000)}), order,
	} {
		w.put(one+incomplete, body)
	}
	w.settled(one, "succeeded")
	credentials := w.put(bound, w.bindOrder()).body["credentials"].(map[string]any)
	w.get(one)
	w.get(bound)
	w.send("GET", one, nil, func(r *http.Request) { r.SetBasicAuth(platformName, secret) })
	w.send("GET", one, nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) })
	w.delete(bound + w.removal())
	w.delete(one + w.removal())
	w.settled(one, "succeeded")
	log := w.log.String()
	require.Contains(t, log, "audit")
	require.NotContains(t, log, secret)
	require.NotContains(t, log, credentials["password"])
	require.NotContains(t, log, password)
}
