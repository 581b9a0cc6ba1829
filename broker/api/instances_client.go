package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func (f InstanceFilter) query() url.Values {
	q := url.Values{"tenant": {f.Tenant}, "platform": {f.Platform}, "service": {f.Service}, "state": {f.State}}
	if f.Page > 0 {
		q.Set("limit", strconv.Itoa(f.Page))
	}
	return q
}

// Instances lists instances, deleted ones only when asked for by state.
func (c *Client) Instances(ctx context.Context, f InstanceFilter) ([]Instance, error) {
	return pages[Instance](ctx, c, f.query(), "instances")
}

// Instance reads one instance.
func (c *Client) Instance(ctx context.Context, id string) (i Instance, err error) {
	return i, c.get(ctx, nil, &i, "instances", id)
}

// CreateInstance asks for an instance.
func (c *Client) CreateInstance(ctx context.Context, n NewInstance) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, n, &a, "instances")
}

// InsertInstance asks for an instance that the provider manages.
func (c *Client) InsertInstance(ctx context.Context, n NewInsertion) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, n, &a, "insertions")
}

// UpdateInstance asks to change an instance. Without a change in the answer it is
// done already.
func (c *Client) UpdateInstance(ctx context.Context, id string, u InstanceUpdate) (a Accepted, err error) {
	return a, c.call(ctx, "PATCH", nil, u, &a, "instances", id)
}

// DeleteInstance asks to remove an instance.
func (c *Client) DeleteInstance(ctx context.Context, id string) (a Accepted, err error) {
	return a, c.call(ctx, "DELETE", nil, nil, &a, "instances", id)
}

// SuspendInstance has traffic get past an instance, and nothing be changed or mended, until
// it is resumed.
func (c *Client) SuspendInstance(ctx context.Context, id string, s Suspension) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, s, &a, "instances", id, "suspend")
}

// ResumeInstance ends a suspension.
func (c *Client) ResumeInstance(ctx context.Context, id string, s Suspension) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, s, &a, "instances", id, "resume")
}

// BypassInstance has traffic get past an instance until it is restored.
func (c *Client) BypassInstance(ctx context.Context, id string) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, nil, &a, "instances", id, "bypass")
}

// RestoreInstance ends a bypass, at once or as soon as the appliance forwards.
func (c *Client) RestoreInstance(ctx context.Context, id string) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, nil, &a, "instances", id, "restore")
}

// RespinInstance has an appliance booted anew.
func (c *Client) RespinInstance(ctx context.Context, id string, r Respin) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, r, &a, "instances", id, "respin")
}

// Operation reads the latest operation on an instance, also of a deleted one.
func (c *Client) Operation(ctx context.Context, id string) (o Operation, err error) {
	return o, c.get(ctx, nil, &o, "instances", id, "operation")
}

// CreateBinding asks for a binding.
func (c *Client) CreateBinding(ctx context.Context, instance string, n NewBinding) (a Accepted, err error) {
	return a, c.call(ctx, "POST", nil, n, &a, "instances", instance, "bindings")
}

// Binding reads one binding with its credentials.
func (c *Client) Binding(ctx context.Context, instance, binding string) (b Binding, err error) {
	return b, c.get(ctx, nil, &b, "instances", instance, "bindings", binding)
}

// DeleteBinding asks to remove a binding.
func (c *Client) DeleteBinding(ctx context.Context, instance, binding string) (a Accepted, err error) {
	return a, c.call(ctx, "DELETE", nil, nil, &a, "instances", instance, "bindings", binding)
}

// BindingOperation reads the latest operation on a binding.
func (c *Client) BindingOperation(ctx context.Context, instance, binding string) (o Operation, err error) {
	return o, c.get(ctx, nil, &o, "instances", instance, "bindings", binding, "operation")
}

// Events lists what happened, the oldest first; an empty instance: to all that
// the caller may see.
func (c *Client) Events(ctx context.Context, instance string) ([]Event, error) {
	if instance == "" {
		return list[Event](ctx, c, nil, "events")
	}
	return list[Event](ctx, c, nil, "instances", instance, "events")
}

// Preview says what a request would do.
func (c *Client) Preview(ctx context.Context, r PreviewRequest) (p Preview, err error) {
	return p, c.call(ctx, "POST", nil, r, &p, "plan")
}

// Wait polls an operation until it is done and shows each state on its way; see
// may be nil. An operation that failed is a Conflict with its description.
func Wait(ctx context.Context, poll func(context.Context) (Operation, error), every time.Duration, see func(Operation)) error {
	for {
		o, err := poll(ctx)
		if err != nil {
			return err
		}
		if see != nil {
			see(o)
		}
		switch o.State {
		case Failed:
			return fault.New(fault.Conflict, "it failed: %s", o.Description)
		case InProgress:
		default:
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
}
