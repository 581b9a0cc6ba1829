package api

import "context"

// Disagreement is what the cloud and the records of one tenant do not agree in.
type Disagreement struct {
	Tenant   string   `json:"tenant"`             // empty: things in the cloud whose tenant nobody can tell
	Region   string   `json:"region,omitempty"`   // where the broker has several
	Busy     bool     `json:"busy,omitempty"`     // changes are in progress, so nothing was compared
	Leftover []string `json:"leftover,omitempty"` // what removes things without a record
	Missing  []string `json:"missing,omitempty"`  // what makes things that a record misses
	Steps    []string `json:"steps,omitempty"`    // a repair, in order
	Repair   string   `json:"repair,omitempty"`   // the change that does it, when asked to
}

// Orphans compares the cloud with the records, tenant by tenant, and gives those
// that disagree or are busy.
func (c *Client) Orphans(ctx context.Context) ([]Disagreement, error) {
	return list[Disagreement](ctx, c, nil, "orphans")
}

// RepairOrphans does the same, and has a change mend each tenant that disagrees.
func (c *Client) RepairOrphans(ctx context.Context) ([]Disagreement, error) {
	var l List[Disagreement]
	err := c.call(ctx, "POST", nil, nil, &l, "orphans")
	return l.Items, err
}
