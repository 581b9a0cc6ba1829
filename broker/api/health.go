package api

import (
	"context"
	"net/url"
)

// Overview says how the broker and what it runs are doing.
type Overview struct {
	Status    string           `json:"status"` // ok, degraded
	Version   string           `json:"version"`
	Cloud     string           `json:"cloud"`
	Problems  []string         `json:"problems"`       // of store and cloud, with their remedies
	Unwell    map[string]int   `json:"unwell"`         // instances by health: bypassed, degraded, failing; 100: so many or more
	Instances []InstanceHealth `json:"instances"`      // a page, by id
	Next      string           `json:"next,omitempty"` // for ?after=, to read on
}

// InstanceHealth is the verdict on one instance.
type InstanceHealth struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	State  string `json:"state"`
	Health
}

// Health reads the overview, of instances all or only those that are not well.
func (c *Client) Health(ctx context.Context, unwell bool) (Overview, error) {
	q := url.Values{}
	if unwell {
		q.Set("unwell", "true")
	}
	var all []InstanceHealth
	for {
		var o Overview
		if err := c.get(ctx, q, &o, "health"); err != nil {
			return o, err
		}
		all = append(all, o.Instances...)
		if o.Next == "" || o.Next == q.Get("after") {
			o.Instances, o.Next = all, ""
			return o, nil
		}
		q.Set("after", o.Next)
	}
}
