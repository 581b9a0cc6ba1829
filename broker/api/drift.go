package api

import (
	"context"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Drift is in what a tenant's fabric is not as the records say, although no change
// is in progress.
type Drift struct {
	Tenant      string       `json:"tenant"`
	Region      string       `json:"region,omitempty"` // where the broker has several
	Busy        bool         `json:"busy,omitempty"`   // changes are in progress, so nothing was compared
	Differences []Difference `json:"differences"`
	Steps       []string     `json:"steps"`              // a repair, in order
	Obstacle    string       `json:"obstacle,omitempty"` // why it cannot be repaired
	Since       time.Time    `json:"since,omitzero"`     // when the schedule first found it
	Failed      string       `json:"failed,omitempty"`   // why the latest repair failed
	Repair      string       `json:"repair,omitempty"`   // the change that repairs it, when asked to
}

// Difference is one thing that is not as it should be.
type Difference struct {
	topology.Difference
	Text string `json:"text"` // one sentence
}

// Drift compares a tenant's fabric with the records.
func (c *Client) Drift(ctx context.Context, tenant string) (d Drift, err error) {
	return d, c.get(ctx, c.there(), &d, "tenants", tenant, "drift")
}

// RepairDrift does the same, and has a change repair what it can.
func (c *Client) RepairDrift(ctx context.Context, tenant string) (d Drift, err error) {
	return d, c.call(ctx, "POST", c.there(), nil, &d, "tenants", tenant, "drift")
}

// Drifts is Drift of all tenants whose fabric differs, or who are busy.
func (c *Client) Drifts(ctx context.Context) ([]Drift, error) {
	return list[Drift](ctx, c, nil, "drift")
}

// RepairDrifts does the same, and has changes repair what they can.
func (c *Client) RepairDrifts(ctx context.Context) ([]Drift, error) {
	var l List[Drift]
	err := c.call(ctx, "POST", nil, nil, &l, "drift")
	return l.Items, err
}
