package metering

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// delivery is how far an alert got.
type delivery struct {
	Attempts  int       `json:"attempts,omitempty"`
	Next      time.Time `json:"next,omitzero"`      // when it is sent again; none when it is delivered or given up
	Delivered time.Time `json:"delivered,omitzero"` // when the webhook took it
	Problem   string    `json:"problem,omitempty"`  // of the latest attempt
}

// The headers of a webhook's request beside its content's.
const (
	HeaderDelivery  = "Bumpwire-Delivery"  // the alert's id
	HeaderSignature = "Bumpwire-Signature" // HMAC-SHA256 of the body under the budget's key, in hexadecimal
)

const (
	alertLook     = 15 * time.Second // between two looks at budgets and at what is to be sent
	webhookLasts  = 10 * time.Second // for all of a request
	firstRetry    = time.Minute      // doubled each time; longer than a request may last, so that nobody sends what somebody is sending
	lastRetry     = 6 * time.Hour
	maxDeliveries = 20 // about three days
)

func (a Alert) keys() map[string]string {
	keys := map[string]string{"tenant": string(a.Tenant)}
	if !a.Next.IsZero() {
		keys["open"] = "yes"
	}
	return keys
}

// RunAlerts looks at budgets whenever more is metered, and sends alerts, until ctx ends. Every broker does; an
// alert is raised once and sent by one of them at a time.
func (m *Meter) RunAlerts(ctx context.Context) error {
	tick := time.NewTicker(alertLook)
	defer tick.Stop()
	for {
		if err := m.Alert(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("cannot look after budgets; the next look tries again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Alert looks at all budgets once and sends what is due.
func (m *Meter) Alert(ctx context.Context) error {
	if m.derive == nil {
		return nil
	}
	return errors.Join(m.look(ctx), m.deliver(ctx))
}

// Alerts lists a tenant's, or those of all, by period.
func (m *Meter) Alerts(ctx context.Context, tenant topology.TenantID) ([]Alert, error) {
	all := []Alert{}
	for a, err := range m.alerts.All(ctx, tenantKey(tenant), string(tenant)) {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (m *Meter) deliver(ctx context.Context) error {
	for a, err := range m.alerts.All(ctx, "open", "yes") {
		if err != nil {
			return err
		}
		if a.Next.After(time.Now()) {
			continue
		}
		if err := m.send(ctx, a.ID); err != nil {
			return err
		}
	}
	return nil
}

// send posts an alert unless somebody else has it in hand. Who dies in between leaves it to be sent again, with
// the same id.
func (m *Meter) send(ctx context.Context, id string) error {
	mine := false
	a, err := m.alerts.Update(ctx, id, func(a Alert) (Alert, error) {
		if mine = !a.Next.IsZero() && !a.Next.After(time.Now()); !mine {
			return a, store.Unchanged
		}
		a.Attempts++
		a.Next = time.Now().UTC().Add(min(lastRetry, firstRetry<<min(a.Attempts-1, 20)))
		return a, nil
	})
	if err != nil || !mine {
		return err
	}
	problem := m.post(ctx, a)
	if problem != nil {
		m.log.Warn("a budget's alert was not taken", "alert", a.ID, "tenant", a.Tenant, "attempts", a.Attempts, "error", problem)
	}
	_, err = m.alerts.Update(ctx, id, func(now Alert) (Alert, error) {
		switch {
		case problem == nil:
			now.Delivered, now.Next, now.Problem = time.Now().UTC(), time.Time{}, ""
		case now.Attempts >= maxDeliveries:
			now.Next, now.Problem = time.Time{}, "given up: "+problem.Error()
		default:
			now.Problem = problem.Error()
		}
		return now, nil
	})
	return err
}

// notice is what is posted.
type notice struct {
	Type string `json:"type"` // "budget.threshold"
	Alert
}

// post sends an alert, the same each time; the webhook takes it by a status from 200 to 299. What went wrong is told without
// what the webhook answered.
func (m *Meter) post(ctx context.Context, a Alert) error {
	a.delivery = delivery{}
	body, err := json.Marshal(notice{Type: "budget.threshold", Alert: a})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookLasts)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.Webhook, bytes.NewReader(body))
	if err != nil {
		return errors.New("the webhook's URL cannot be used")
	}
	mac := hmac.New(sha256.New, m.webhookKey(a.Tenant))
	mac.Write(body)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(HeaderDelivery, a.ID)
	r.Header.Set(HeaderSignature, hex.EncodeToString(mac.Sum(nil)))
	answer, err := (&http.Client{Transport: m.webhooks, CheckRedirect: stay}).Do(r)
	if err != nil {
		return reason(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, 4096)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("the webhook answered with status %d", answer.StatusCode)
	}
	return nil
}

// stay has redirections not followed: they are answers that do not take the alert.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func reason(err error) error {
	switch {
	case errors.Is(err, errPrivate):
		return errPrivate
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the webhook did not answer within %s", webhookLasts)
	}
	return errors.New("the webhook cannot be reached")
}

var errPrivate = errors.New("the webhook's address is not a public one")

// publicOnly is a transport to addresses that anybody can reach: tenants say where alerts go, and the broker's own
// networks are none of their business. What a name resolves to is looked at when it is connected to.
func publicOnly(private bool) *http.Transport {
	d := &net.Dialer{Timeout: webhookLasts, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !private && !public(at.Addr()) {
			return errPrivate
		}
		return nil
	}}
	return &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSHandshakeTimeout: webhookLasts, MaxResponseHeaderBytes: 16 << 10}
}

// special are ranges of global unicast form that lead elsewhere than to the public (IANA's special-purpose registries).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate()
}
