package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// OSB speaks the Open Service Broker API as a platform does. Its errors carry
// fault kinds: Invalid for 400, Busy for ConcurrencyError, Gone for 410, and so on.
type OSB struct {
	URL      string // without /v2
	User     string
	Password string
	HTTP     *http.Client  // nil: http.DefaultClient
	Poll     time.Duration // between two polls of Wait; 0: one second

	// Identity is who asks the platform, sent as originating identity: the
	// platform's name and a JSON object. Zero: not sent.
	Identity Identity
}

// Identity is an originating identity (profile.md).
type Identity struct {
	Platform string
	Value    any
}

// Catalog reads the catalog.
func (o *OSB) Catalog(ctx context.Context) (c Catalog, err error) {
	return c, o.call(ctx, "GET", nil, nil, &c, "catalog")
}

// Provision asks for an instance; the answer's operation is to be polled.
func (o *OSB) Provision(ctx context.Context, id string, r OSBProvision) (a OSBAccepted, err error) {
	return a, o.call(ctx, "PUT", incomplete(nil), r, &a, "service_instances", id)
}

// Update asks to change an instance.
func (o *OSB) Update(ctx context.Context, id string, r OSBUpdate) (a OSBAccepted, err error) {
	return a, o.call(ctx, "PATCH", incomplete(nil), r, &a, "service_instances", id)
}

// Instance reads an instance. NotFound while it is being provisioned.
func (o *OSB) Instance(ctx context.Context, id string) (i OSBInstance, err error) {
	return i, o.call(ctx, "GET", nil, nil, &i, "service_instances", id)
}

// Deprovision asks to remove an instance. Gone when there is none.
func (o *OSB) Deprovision(ctx context.Context, id, service, plan string) (a OSBAccepted, err error) {
	return a, o.call(ctx, "DELETE", incomplete(offer(service, plan)), nil, &a, "service_instances", id)
}

// LastOperation polls an instance once; operation may be empty.
func (o *OSB) LastOperation(ctx context.Context, id, operation string) (l LastOperation, err error) {
	return l, o.call(ctx, "GET", url.Values{"operation": {operation}}, nil, &l, "service_instances", id, "last_operation")
}

// Bind asks for a binding. An answer without operation is complete.
func (o *OSB) Bind(ctx context.Context, id, binding string, r OSBBind) (b OSBBinding, err error) {
	return b, o.call(ctx, "PUT", incomplete(nil), r, &b, "service_instances", id, "service_bindings", binding)
}

// GetBinding reads a binding with its credentials. NotFound while it is being made.
func (o *OSB) GetBinding(ctx context.Context, id, binding string) (b OSBBinding, err error) {
	return b, o.call(ctx, "GET", nil, nil, &b, "service_instances", id, "service_bindings", binding)
}

// LastBindingOperation polls a binding once; operation may be empty.
func (o *OSB) LastBindingOperation(ctx context.Context, id, binding, operation string) (l LastOperation, err error) {
	return l, o.call(ctx, "GET", url.Values{"operation": {operation}}, nil, &l,
		"service_instances", id, "service_bindings", binding, "last_operation")
}

// Unbind asks to remove a binding. Gone when there is none.
func (o *OSB) Unbind(ctx context.Context, id, binding, service, plan string) (a OSBAccepted, err error) {
	return a, o.call(ctx, "DELETE", incomplete(offer(service, plan)), nil, &a,
		"service_instances", id, "service_bindings", binding)
}

// Wait polls an instance's operation until it is done and shows each state on
// its way; see may be nil. A failed operation is no error.
func (o *OSB) Wait(ctx context.Context, id, operation string, see func(LastOperation)) (LastOperation, error) {
	return o.wait(ctx, see, func() (LastOperation, error) { return o.LastOperation(ctx, id, operation) })
}

// WaitBinding is Wait for a binding's operation.
func (o *OSB) WaitBinding(ctx context.Context, id, binding, operation string, see func(LastOperation)) (LastOperation, error) {
	return o.wait(ctx, see, func() (LastOperation, error) { return o.LastBindingOperation(ctx, id, binding, operation) })
}

func (o *OSB) wait(ctx context.Context, see func(LastOperation), poll func() (LastOperation, error)) (LastOperation, error) {
	every := o.Poll
	if every == 0 {
		every = time.Second
	}
	for {
		l, err := poll()
		if err != nil {
			return l, err
		}
		if see != nil {
			see(l)
		}
		if l.Done() {
			return l, nil
		}
		if err := pause(ctx, every); err != nil {
			return l, err
		}
	}
}

func incomplete(q url.Values) url.Values {
	if q == nil {
		q = url.Values{}
	}
	q.Set("accepts_incomplete", "true")
	return q
}

func offer(service, plan string) url.Values {
	return url.Values{"service_id": {service}, "plan_id": {plan}}
}

func (o *OSB) call(ctx context.Context, method string, q url.Values, in, out any, path ...string) error {
	body, err := jsonBody(in)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set(HeaderVersion, Version)
	header.Set("Accept", "application/json")
	if in != nil {
		header.Set("Content-Type", "application/json")
	}
	if o.User != "" {
		header.Set("Authorization", basic(o.User, o.Password))
	}
	if o.Identity.Platform != "" {
		value, err := json.Marshal(o.Identity.Value)
		if err != nil {
			return fmt.Errorf("cannot encode the originating identity: %w", err)
		}
		header.Set(HeaderOriginatingIdentity, o.Identity.Platform+" "+base64.StdEncoding.EncodeToString(value))
	}
	r := request{method: method, url: withQuery(join(o.URL, append([]string{"v2"}, path...)...), q), body: body, header: header, refused: osbFault}
	_, err = r.send(ctx, o.HTTP, out)
	return err
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// osbFault reads a refusal back into a fault.
func osbFault(status int, body []byte) error {
	var e OSBError
	_ = json.Unmarshal(body, &e) // a body that is no error object still has its status
	message := e.Description
	if message == "" {
		message = fmt.Sprintf("the broker answered %d %s", status, http.StatusText(status))
	}
	return fault.New(osbKind(status, e.Error), "%s", message)
}

func osbKind(status int, code string) fault.Kind {
	switch {
	case code == AsyncRequired:
		return fault.AsyncRequired
	case code == ConcurrencyError:
		return fault.Busy
	}
	return kindOf(status)
}

// kindOf is the kind of a status that came without a code of ours.
func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound:
		return fault.NotFound
	case http.StatusGone:
		return fault.Gone
	case http.StatusConflict, http.StatusUnprocessableEntity:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge:
		return fault.TooLarge
	case http.StatusInsufficientStorage:
		return fault.Full
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return fault.Unavailable
	}
	if status/100 == 4 {
		return fault.Invalid
	}
	return fault.Internal
}
