package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
)

func (s *Server) listErasures(ctx context.Context, _ *call) (api.List[api.Erasure], error) {
	all, err := s.Meter.Erasures(ctx)
	return api.List[api.Erasure]{Items: all}, err
}
