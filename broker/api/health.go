package api

import "context"

// Overview says how the broker and what it runs are doing.
type Overview struct {
	Status    string           `json:"status"` // ok, degraded
	Version   string           `json:"version"`
	Cloud     string           `json:"cloud"`
	Problems  []string         `json:"problems"` // of store and cloud, with their remedies
	Instances []InstanceHealth `json:"instances"`
}

// InstanceHealth is the verdict on one instance.
type InstanceHealth struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	State  string `json:"state"`
	Health
}

// Health reads the overview.
func (c *Client) Health(ctx context.Context) (o Overview, err error) {
	return o, c.get(ctx, nil, &o, "health")
}
