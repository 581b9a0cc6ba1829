package api

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
)

// The headers with which an appliance reports what was used.
const (
	HeaderInstance  = "Bumpwire-Instance"  // the instance's id, percent-encoded
	HeaderSignature = "Bumpwire-Signature" // HMAC-SHA256 of the body under the instance's usage key, in hexadecimal
)

// UsageEvent is a quantity that was used of a dimension that the vendor sells.
type UsageEvent struct {
	ID        string           `json:"id,omitempty"` // chosen by who reports; the same event again has the same
	Dimension string           `json:"dimension,omitempty"`
	Quantity  *decimal.Decimal `json:"quantity,omitempty"` // 0 to 10^15, at most 9 decimal places
	Time      time.Time        `json:"time,omitzero"`      // when it was used
}

// UsageReport is one event, or a list of up to metering.MaxEvents.
type UsageReport struct {
	UsageEvent
	Events []UsageEvent `json:"events,omitempty"`
}

// UsageOutcome is what became of a report.
type UsageOutcome struct {
	Events     []metering.Fate `json:"events"` // in the order of the report
	Accepted   int             `json:"accepted"`
	Duplicates int             `json:"duplicates"`
	Conflicts  int             `json:"conflicts"`
	Refused    int             `json:"refused"`
}

// UsageKey is the key with which an appliance signs.
type UsageKey struct {
	Instance string `json:"instance"`
	Key      string `json:"key"` // 32 bytes in hexadecimal
}

// UsageSummary is what was used in an interval, summed, of windows that are closed.
type UsageSummary struct {
	From        time.Time          `json:"from"`
	To          time.Time          `json:"to"`                    // exclusive
	ClosedUntil time.Time          `json:"closed_until,omitzero"` // what was used later is not in it yet
	Items       []metering.Summary `json:"items"`
}

// UsageSummary sums usage and its cost by tenant, vendor, service, instance or plan, or
// several of them with commas between, and always by dimension. Without f.From it
// begins with the month of UTC.
func (c *Client) UsageSummary(ctx context.Context, f BillFilter, by string) (s UsageSummary, err error) {
	q := f.query()
	q.Set("by", by)
	return s, c.get(ctx, q, &s, "usage", "summary")
}

// UsageEventState is an accepted event and what became of it.
type UsageEventState = metering.EventState

// UsageKey is the key of an instance's appliance.
func (c *Client) UsageKey(ctx context.Context, instance string) (k UsageKey, err error) {
	return k, c.get(ctx, nil, &k, "instances", instance, "usage-key")
}

// UsageEvent is an event that an instance's appliance reported.
func (c *Client) UsageEvent(ctx context.Context, instance, event string) (e UsageEventState, err error) {
	return e, c.get(ctx, nil, &e, "instances", instance, "usage-events", event)
}

// Reporter speaks as an instance's appliance.
type Reporter struct {
	URL  string // of the broker
	Key  UsageKey
	HTTP *http.Client // nil: http.DefaultClient
}

// Report sends events, in one request. After an error the same can be sent again.
func (r *Reporter) Report(ctx context.Context, events ...UsageEvent) (o UsageOutcome, err error) {
	body, err := json.Marshal(UsageReport{Events: events})
	if err != nil {
		return o, fmt.Errorf("cannot encode the report: %w", err)
	}
	h, err := r.Key.Sign(body)
	if err != nil {
		return o, err
	}
	_, err = request{method: "POST", url: join(r.URL, "v1", "usage"), body: bytes.NewReader(body), header: h, refused: problemFault}.send(ctx, r.HTTP, &o)
	return o, err
}

// Sign are the headers of a request with that body.
func (k UsageKey) Sign(body []byte) (http.Header, error) {
	key, err := hex.DecodeString(k.Key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "a usage key is written in hexadecimal")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return http.Header{
		"Content-Type":  {"application/json"},
		"Accept":        {"application/json"},
		HeaderInstance:  {url.PathEscape(k.Instance)},
		HeaderSignature: {hex.EncodeToString(mac.Sum(nil))},
	}, nil
}
