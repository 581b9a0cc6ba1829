package broker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
)

var errPanicked = errors.New("panicked")

// refusal is an OSB refusal that no fault kind describes.
type refusal struct {
	status int
	body   api.OSBError
}

func (r *refusal) Error() string { return r.body.Description }

// The descriptions that clients compare with, to the letter.
const (
	asyncRequired    = "This service plan requires client support for asynchronous service operations."
	concurrencyError = "The Service Broker does not support concurrent requests that mutate the same resource."
)

// refuse answers an error: in the OSB shape under /v2/, in ours elsewhere.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		err = fault.New(fault.Unavailable, "the request was given up")
	}
	switch fault.KindOf(err) {
	case fault.Unauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="bumpwire", charset="UTF-8"`)
	case fault.Unavailable, fault.Full, fault.TooMany:
		w.Header().Set("Retry-After", "5")
	}
	if isOSB(r) {
		status, body := osbError(err)
		writeJSON(w, status, body)
		return
	}
	writeJSON(w, statusOf(err), problem(w, err))
}

func isOSB(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v2/") }

// statusOf is the fault's status; wrong methods have one that no fault has.
func statusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	return fault.Status(err)
}

func problem(w http.ResponseWriter, err error) api.Problem {
	p := api.Problem{Error: string(fault.KindOf(err)), Message: fault.Message(err)}
	var f *fault.Error
	if errors.As(err, &f) {
		p.Details = f.Details
	}
	var x *refusal
	if errors.As(err, &x) {
		p.Error, p.Message = x.body.Error, x.body.Description
	}
	if t := trackedOf(w); t != nil {
		p.RequestID = t.id
	}
	return p
}

// osbError maps a fault to what the OSB standard wants (spec.md, "Service Broker Errors").
func osbError(err error) (int, api.OSBError) {
	var r *refusal
	if errors.As(err, &r) {
		return r.status, r.body
	}
	var refused *provision.Refused
	if errors.As(err, &refused) {
		return refusedUpdate(refused)
	}
	var stale *provision.StaleVersion
	if errors.As(err, &stale) {
		return http.StatusUnprocessableEntity, api.OSBError{Error: api.MaintenanceInfoConflict, Description: stale.Error()}
	}
	switch fault.KindOf(err) {
	case fault.AsyncRequired:
		return http.StatusUnprocessableEntity, api.OSBError{Error: api.AsyncRequired, Description: asyncRequired}
	case fault.Busy:
		return http.StatusUnprocessableEntity, api.OSBError{Error: api.ConcurrencyError, Description: concurrencyError}
	case fault.Full: // 507 says it better, to clients that know it; platforms know 503
		return http.StatusServiceUnavailable, api.OSBError{Description: readable(fault.Message(err))}
	}
	return fault.Status(err), api.OSBError{Description: readable(fault.Message(err))}
}

// maxDescription is how many bytes of a sentence a platform is told: a request may
// name more wrong things than anybody reads.
const maxDescription = 2000

func readable(sentence string) string {
	if len(sentence) <= maxDescription {
		return sentence
	}
	return strings.ToValidUTF8(sentence[:maxDescription], "") + " … and more"
}

// note logs an error that is our own mistake, once, with all that is known of it.
func (s *Server) note(w http.ResponseWriter, r *http.Request, err error) {
	var known *refusal
	if errors.As(err, &known) || fault.Status(err) != http.StatusInternalServerError || errors.Is(err, context.Canceled) {
		return
	}
	id := ""
	if t := trackedOf(w); t != nil {
		id = t.id
	}
	s.Log.Error("a request failed", "request", id, "method", r.Method, "path", r.URL.EscapedPath(), "error", err)
}

// unknownRoute answers what no row matches.
func unknownRoute() route {
	return route{path: "unknown", endpoint: gives(func(context.Context, *call) (nothing, error) {
		return nothing{}, fault.New(fault.NotFound, "there is nothing at this path")
	})}
}

// wrongMethod answers a path that has rows, none of them for the method.
func wrongMethod() route {
	return route{path: "unknown", endpoint: gives(func(context.Context, *call) (nothing, error) {
		return nothing{}, &refusal{http.StatusMethodNotAllowed, api.OSBError{Error: "method_not_allowed", Description: "this path does not have that method"}}
	})}
}

// origin is on whose behalf the request is, for the audit trail.
func (c *call) origin() provision.Origin {
	o := provision.Origin{Identity: originatingIdentity(c.r)}
	if t := trackedOf(c.w); t != nil {
		o.Request = t.id
	}
	return o
}

// originatingIdentity is who asked the platform: its name and the id in the
// value, as far as it can be read. A malformed header is nobody.
func originatingIdentity(r *http.Request) string {
	platform, encoded, ok := strings.Cut(r.Header.Get(api.HeaderOriginatingIdentity), " ")
	if !ok {
		return ""
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	var value struct {
		UserID   string `json:"user_id"`  // cloudfoundry
		Username string `json:"username"` // kubernetes
	}
	if json.Unmarshal(text, &value) != nil {
		return ""
	}
	id := value.UserID + value.Username
	if len(platform)+len(id) > 256 || !printable(platform+id) {
		return ""
	}
	return platform + "/" + id
}
