package api

import (
	"context"
	"net/url"
	"time"
)

// Change is a durable unit of work on one tenant's fabric.
type Change struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Tenant   string    `json:"tenant"`
	Region   string    `json:"region,omitempty"` // where the broker has several
	Subject  string    `json:"subject"`          // the instance
	Status   string    `json:"status"`
	Error    string    `json:"error,omitempty"`  // the first failure
	Reason   string    `json:"reason,omitempty"` // why it was parked or abandoned
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	Tasks    []Task    `json:"tasks,omitempty"`
}

// Task is one step of a change.
type Task struct {
	Kind    string `json:"kind"`
	Summary string `json:"summary"`
	Status  string `json:"status"`
	Note    string `json:"note,omitempty"`  // what it waits for
	Error   string `json:"error,omitempty"` // its latest failure
}

// Changes lists changes, the newest first; an empty status: all.
func (c *Client) Changes(ctx context.Context, status string) ([]Change, error) {
	return list[Change](ctx, c, url.Values{"status": {status}}, "changes")
}

// Change reads one change with its tasks.
func (c *Client) Change(ctx context.Context, id string) (ch Change, err error) {
	return ch, c.get(ctx, nil, &ch, "changes", id)
}

// RetryChange makes a parked change try again.
func (c *Client) RetryChange(ctx context.Context, id string) (ch Change, err error) {
	return ch, c.call(ctx, "POST", nil, nil, &ch, "changes", id, "retry")
}

// Abandonment says why a change is given up.
type Abandonment struct {
	Reason string `json:"reason"`
}

// AbandonChange gives a parked change up; what is left of it stays.
func (c *Client) AbandonChange(ctx context.Context, id, reason string) (ch Change, err error) {
	return ch, c.call(ctx, "POST", nil, Abandonment{Reason: reason}, &ch, "changes", id, "abandon")
}
