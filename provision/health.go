package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// HealthStatus says how a service is.
type HealthStatus string

const (
	HealthUnknown   HealthStatus = "unknown" // not asked yet, or nothing to ask
	HealthOK        HealthStatus = "ok"
	HealthDegraded  HealthStatus = "degraded"  // some of its appliances do not answer, and others do the work
	HealthFailing   HealthStatus = "failing"   // no appliance does the work
	HealthBypassed  HealthStatus = "bypassed"  // traffic gets past the service
	HealthSuspended HealthStatus = "suspended" // the same, and nothing is mended: see Suspend
)

// Health is the latest verdict on an instance.
type Health struct {
	Status HealthStatus `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Since  time.Time    `json:"since,omitzero"` // of this status
}

// unwell is the health of an instance that is not well; empty for all others, and for
// what was deleted.
func (i Instance) unwell() HealthStatus {
	switch i.Health.Status {
	case HealthDegraded, HealthFailing, HealthBypassed:
		if i.State != Deleted {
			return i.Health.Status
		}
	}
	return ""
}

// Probe says how one of an instance's appliances is, by number. It does not run where
// its tenant has nothing at all.
func (s *Service) Probe(ctx context.Context, i Instance, n int) (cloud.Pulse, error) {
	at, err := s.in(i.place())
	if err != nil {
		return cloud.Pulse{}, err
	}
	p, err := at.Probe(ctx, i.Tenant, i.appliance(n))
	if fault.KindOf(err) == fault.NotFound {
		return cloud.Pulse{}, nil
	}
	return p, err
}

// AskHealth asks one of an instance's appliances, by number, at its health endpoint on
// the management network. unwell is empty when that answers, http with a 2xx status,
// and otherwise says what is wrong; an appliance's own words are not repeated, for
// they are untrusted. asked is false where there is nothing to ask, or no way there.
func (s *Service) AskHealth(ctx context.Context, i Instance, n int) (unwell string, asked bool) {
	h, own := i.Insertion.Health, i.Appliances()[n]
	if h == nil || !own.IsValid() {
		return "", false
	}
	at, err := s.in(i.place())
	if err != nil {
		return "", false // nothing can be said about it from here
	}
	to := netip.AddrPortFrom(own.Addr(), uint16(h.Port))
	conn, err := at.Dial(ctx, i.Tenant, to)
	switch {
	case errors.Is(err, cloud.ErrNoWay):
		return "", false
	case err != nil:
		return fmt.Sprintf("port %d on the management address does not answer", h.Port), true
	}
	defer conn.Close()
	if h.Protocol != "http" {
		return "", true
	}
	return get(ctx, conn, to, h.Path), true
}

// get is empty when a server answers a request for a path with a 2xx status.
func get(ctx context.Context, conn net.Conn, to netip.AddrPort, path string) string {
	one := http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }, DisableKeepAlives: true}
	defer one.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to.String()+path, nil)
	if err != nil {
		return "the package names an impossible health path"
	}
	resp, err := one.RoundTrip(req)
	if err != nil {
		return "the health endpoint gives no answer"
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the status is the verdict, the body only has to end
	if resp.StatusCode/100 != 2 {
		return "the health endpoint answers with status " + strconv.Itoa(resp.StatusCode)
	}
	return ""
}
