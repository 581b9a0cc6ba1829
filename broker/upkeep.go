package broker

import (
	"context"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func (s *Server) bypassInstance(ctx context.Context, c *call) (api.Accepted, error) {
	return s.keepUp(ctx, c, nil, s.Provision.Bypass)
}

func (s *Server) restoreInstance(ctx context.Context, c *call) (api.Accepted, error) {
	return s.keepUp(ctx, c, nil, s.Provision.Restore)
}

func (s *Server) respinInstance(ctx context.Context, c *call, r api.Respin) (api.Accepted, error) {
	return s.keepUp(ctx, c, r.Member, s.Provision.Respin)
}

func (s *Server) suspendInstance(ctx context.Context, c *call, r api.Suspension) (api.Accepted, error) {
	return s.keepUp(ctx, c, nil, because(r, s.Provision.Suspend))
}

func (s *Server) resumeInstance(ctx context.Context, c *call, r api.Suspension) (api.Accepted, error) {
	return s.keepUp(ctx, c, nil, because(r, s.Provision.ResumeInstance))
}

// because asks for something for a reason.
func because(r api.Suspension, ask func(context.Context, provision.UpkeepRequest, string) (provision.Outcome, error)) func(context.Context, provision.UpkeepRequest) (provision.Outcome, error) {
	return func(ctx context.Context, u provision.UpkeepRequest) (provision.Outcome, error) {
		if len(r.Reason) > mostReason {
			return provision.Outcome{}, fault.New(fault.Invalid, "the reason has %d bytes; at most %d are kept", len(r.Reason), mostReason)
		}
		return ask(ctx, u, strings.ToValidUTF8(r.Reason, ""))
	}
}

// mostReason is how many bytes of a reason an instance's history takes.
const mostReason = 500

// keepUp asks for something about the appliances of the path's instance.
func (s *Server) keepUp(ctx context.Context, c *call, member *int, ask func(context.Context, provision.UpkeepRequest) (provision.Outcome, error)) (api.Accepted, error) {
	i, err := s.managed(ctx, c)
	if err != nil {
		return api.Accepted{}, err
	}
	out, err := ask(ctx, provision.UpkeepRequest{Instance: i.ID, By: c.who.by(), Origin: c.origin(), Member: member})
	if err != nil {
		return api.Accepted{}, err
	}
	c.status = outcomeStatus(out, 200)
	return api.Accepted{Instance: string(i.ID), Change: string(out.Operation)}, nil
}

// upkeep adds what has become of an instance's appliances.
func upkeep(i provision.Instance, out *api.Instance) {
	about := map[string]any{}
	i.Resilience.Describe(i.Insertion, about)
	out.Failure, _ = about["failure"].(string)
	out.Availability, _ = about["availability"].(string)
	out.Bypass, out.Suspended, out.Upkeep = string(i.Bypass), i.Suspended, operationOf(i.Failover)
	addresses := i.Appliances()
	if i.Mode != topology.Redirected && len(addresses) < 2 {
		return
	}
	for n, address := range addresses {
		m := api.Member{Appliance: string(i.Appliance(n)), Side: i.SideOf(n), Idle: slices.Contains(i.Idle, n), Standby: i.StandsBy(n), Start: i.Start(n)}
		if address.IsValid() {
			m.Management = address.Addr().String()
		}
		out.Members = append(out.Members, m)
	}
}
