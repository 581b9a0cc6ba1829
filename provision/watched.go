package provision

import (
	"context"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// glimpse is an instance without what nobody needs who looks at its appliances: all
// active instances are read again and again for that.
type glimpse struct {
	Instance
	History skipped `json:"history"`
	Context skipped `json:"context"`
	Values  skipped `json:"values"`
	Secrets skipped `json:"secrets"`
	EULAs   skipped `json:"eulas"`
}

// named is an instance of which only the name is read.
type named struct {
	ID topology.InstanceID `json:"id"`
}

// skipped is a part of a document that is not read.
type skipped struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// Watched is the first active instances after an id, at most limit, and where to go on;
// "" when these are the last. They come without history, context, values, secrets and
// licences: as much as Probe and Record take.
func (s *Service) Watched(ctx context.Context, after topology.InstanceID, limit int) (list []Instance, next topology.InstanceID, err error) {
	found, err := s.glimpses.List(ctx, store.Query{Key: "state", Value: string(Active), After: string(after), Limit: limit})
	if err != nil {
		return nil, "", err
	}
	for _, g := range found {
		list, next = append(list, g.Instance), g.ID
	}
	if len(list) < limit {
		next = ""
	}
	return list, next, nil
}
