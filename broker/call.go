package broker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// maxBody is the most that is read of a request's JSON: 1 MiB.
const maxBody = 1 << 20

// call is one request as a handler sees it.
type call struct {
	who    caller
	query  url.Values
	vars   map[string]string // of the path, decoded
	r      *http.Request
	w      http.ResponseWriter
	status int // of a success; the row's unless the handler changes it

	patience time.Duration // with a client that sends a body, or a piece of a long one
	upload   *pacedBody    // nil: the request is no upload
}

// mostListed is how many things a page of a list holds.
const mostListed = 1000

// limit is how many things a list is to hold.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return mostListed, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostListed {
		return 0, fault.New(fault.Invalid, "limit is a number from 1 to %d, not %q", mostListed, text)
	}
	return n, nil
}

// nothing is the answer without a body.
type nothing struct{}

// content is an answer that is not JSON.
type content struct {
	media string
	body  []byte
}

// endpoint is what a row does, with the types that it takes and gives.
type endpoint struct {
	takes, gives reflect.Type // nil: no JSON
	serve        func(ctx context.Context, c *call) (any, error)
}

// takes is an endpoint with a JSON object for a body.
func takes[Req, Resp any](h func(context.Context, *call, Req) (Resp, error)) endpoint {
	return endpoint{
		takes: reflect.TypeFor[Req](),
		gives: reflect.TypeFor[Resp](),
		serve: func(ctx context.Context, c *call) (any, error) {
			var req Req
			if err := c.decode(&req); err != nil {
				return nil, err
			}
			return h(ctx, c, req)
		},
	}
}

// gives is an endpoint whose request has no body.
func gives[Resp any](h func(context.Context, *call) (Resp, error)) endpoint {
	return endpoint{
		gives: reflect.TypeFor[Resp](),
		serve: func(ctx context.Context, c *call) (any, error) { return h(ctx, c) },
	}
}

// handle is the one way a request goes: identify, read, do, answer.
func (s *Server) handle(row route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t := trackedOf(w); t != nil {
			t.route = row.path
		}
		c := &call{r: r, w: w, status: row.status, patience: s.Patience}
		answer, err := s.answer(r.Context(), c, row)
		if err != nil {
			s.note(w, r, err)
			refuse(w, r, err)
			c.linger()
			return
		}
		c.write(answer)
	})
}

func (s *Server) answer(ctx context.Context, c *call, row route) (_ any, err error) {
	if c.who, err = s.identify(ctx, c.r, row.access); err != nil {
		return nil, err
	}
	if t := trackedOf(c.w); t != nil {
		t.who = c.who
	}
	if err := s.checkVersion(c.who, c.r); err != nil {
		return nil, err
	}
	if err := s.origins.Check(c.r); err != nil {
		return nil, fault.New(fault.Forbidden, "requests from another origin are not accepted")
	}
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return nil, fault.New(fault.Invalid, "the query string is malformed")
	}
	if c.vars, err = decodedVars(mux.Vars(c.r)); err != nil {
		return nil, err
	}
	return row.serve(ctx, c)
}

// decodedVars decodes the ids of a path, once.
func decodedVars(raw map[string]string) (map[string]string, error) {
	vars := make(map[string]string, len(raw))
	for name, text := range raw {
		id, err := url.PathUnescape(text)
		if err != nil || !utf8.ValidString(id) || strings.ContainsRune(id, 0) || len(id) > store.MaxID {
			return nil, fault.New(fault.Invalid, "the path's %s is not an id: an id has 1 to %d bytes of text, percent-encoded", name, store.MaxID)
		}
		vars[name] = id
	}
	return vars, nil
}

// decode reads the body, which must be one JSON object.
func (c *call) decode(into any) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	return c.parse(body, into)
}

// body is all of the request's body.
func (c *call) body() ([]byte, error) {
	if err := checkMedia(c.r.Header.Get("Content-Type"), "application/json"); err != nil {
		return nil, err
	}
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Now().Add(c.patience)) // not every connection can; then there is no limit
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBody))
	if err != nil {
		return nil, unread(err) // the limit stays: the server may try to read the rest
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

func (c *call) parse(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 && !isOSB(c.r) {
		return nil // a body in which everything is optional may be left out
	}
	if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
		return fault.New(fault.Invalid, "the body must be a JSON object")
	}
	if err := checkNumbers(body); err != nil {
		return err
	}
	if isOSB(c.r) && json.Unmarshal(body, into) == nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(body)) // which says better what is wrong
	if !isOSB(c.r) {
		d.DisallowUnknownFields() // the OSB API wants them ignored; ours wants typing errors found
	}
	if err := d.Decode(into); err != nil {
		return fault.New(fault.Invalid, "the body cannot be read: %s", jsonProblem(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "the body holds more than one JSON object")
	}
	return nil
}

func checkMedia(given, want string) error {
	if given == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(given); err != nil || media != want {
		return fault.New(fault.Invalid, "the body must be %s, not %.100q", want, given)
	}
	return nil
}

// jsonProblem says what is wrong without quoting the body, which may hold secrets.
func jsonProblem(err error) string {
	var t *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &t) && t.Field != "":
		return fmt.Sprintf("%q must not be a %s", t.Field, t.Value)
	case errors.As(err, &syntax):
		return fmt.Sprintf("malformed JSON at byte %d", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	}
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return fmt.Sprintf("there is no field %s", field)
	}
	return "malformed JSON"
}

func unread(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.New(fault.TooLarge, "the body is larger than %d bytes", large.Limit)
	}
	return fault.New(fault.Invalid, "the body ended before it was complete")
}

// write answers a success.
func (c *call) write(answer any) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(2 * time.Minute))
	switch a := answer.(type) {
	case nothing:
		c.w.WriteHeader(c.status)
	case content:
		if a.media != "" {
			c.w.Header().Set("Content-Type", a.media)
			c.w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		}
		c.w.WriteHeader(c.status)
		_, _ = c.w.Write(a.body) // a client that went away is no fault of ours
	default:
		writeJSON(c.w, c.status, answer)
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("cannot encode %T: %v", v, err))
	}
	w.Header()["Content-Type"] = jsonMedia
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1)) // whole for the client at once, also where the request goes on
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
