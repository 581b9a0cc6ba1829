package metering

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/iso4217"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Budget is what a tenant means to spend in a billing period, taxes and credits included, and whom to tell.
type Budget struct {
	Tenant     topology.TenantID `json:"tenant"`
	Currency   string            `json:"currency"`   // ISO 4217; a tenant has one budget in each
	Amount     decimal.Decimal   `json:"amount"`     // positive; 0 in place of one ends it
	Thresholds []int             `json:"thresholds"` // 1 to 10, in percent of it from 1 to 1000, ascending
	Webhook    string            `json:"webhook"`    // URL to which alerts are posted

	// Key signs what is posted: 32 bytes in hexadecimal. It follows from the tenant and is not stored.
	Key string `json:"key,omitempty"`
}

// watched is a budget as it is stored.
type watched struct {
	Budget
	Until time.Time `json:"until,omitzero"` // by what is metered until then it was last looked at
}

// maxWebhook bounds a URL in bytes.
const maxWebhook = 500

func (b Budget) id() string { return digestOf(string(b.Tenant), b.Currency) }

func (m *Meter) checkBudget(b Budget) error {
	_, known := iso4217.Places(b.Currency)
	within := len(b.Thresholds) >= 1 && len(b.Thresholds) <= 10 && b.Thresholds[0] >= 1 && b.Thresholds[len(b.Thresholds)-1] <= 1000
	ascending := slices.IsSorted(b.Thresholds) && len(slices.Compact(slices.Clone(b.Thresholds))) == len(b.Thresholds)
	switch {
	case b.Tenant == "":
		return fault.New(fault.Invalid, "a budget is a tenant's: name it")
	case !known:
		return fault.New(fault.Invalid, "%.10q is not a currency of ISO 4217", b.Currency)
	case b.Amount.IsNegative() || b.Amount.GreaterThan(decimal.New(1, 12)) || b.Amount.Exponent() < -6:
		return fault.New(fault.Invalid, "a budget is up to 10^12, with at most 6 decimal places; 0 ends it")
	case b.Amount.IsZero():
		return nil
	case !within || !ascending:
		return fault.New(fault.Invalid, "a budget has 1 to 10 thresholds, ascending, from 1 to 1000 percent")
	}
	return m.checkWebhook(b.Webhook)
}

func (m *Meter) checkWebhook(text string) error {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxWebhook || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fault.New(fault.Invalid, "a webhook is a URL of up to %d bytes, without a user", maxWebhook)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !m.private) {
		return fault.New(fault.Invalid, "a webhook's URL begins with https")
	}
	return nil
}

// SetBudget sets a tenant's budget in a currency in place of the one before; of amount 0 it ends that. What was told of
// thresholds in this period is not told again. fault.Invalid when it is unsound.
func (m *Meter) SetBudget(ctx context.Context, b Budget) (Budget, error) {
	if b.Key = ""; m.derive == nil {
		return b, errors.New("a meter without a key has no budgets")
	}
	if err := m.checkBudget(b); err != nil {
		return b, err
	}
	if b.Amount.IsZero() {
		return b, m.budgets.Delete(ctx, b.id())
	}
	_, err := m.budgets.Upsert(ctx, b.id(), func(watched, bool) (watched, error) { return watched{Budget: b}, nil })
	return m.signed(b), err
}

func (m *Meter) signed(b Budget) Budget {
	b.Key = hex.EncodeToString(m.webhookKey(b.Tenant))
	return b
}

func (m *Meter) webhookKey(tenant topology.TenantID) []byte {
	return m.derive("budget " + string(tenant))
}

// Budgets lists a tenant's, or those of all, by tenant and currency.
func (m *Meter) Budgets(ctx context.Context, tenant topology.TenantID) ([]Budget, error) {
	all := []Budget{}
	for w, err := range m.budgets.All(ctx, tenantKey(tenant), string(tenant)) {
		if err != nil {
			return nil, err
		}
		all = append(all, m.signed(w.Budget))
	}
	slices.SortFunc(all, func(a, b Budget) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Currency, b.Currency))
	})
	return all, nil
}

// tenantKey is the index by which a tenant's are found, or none for all.
func tenantKey(tenant topology.TenantID) string {
	if tenant == "" {
		return ""
	}
	return "tenant"
}

// look raises alerts for the budgets that were not looked at by what is metered by now. Several brokers may look at
// the same time: an alert is one document.
func (m *Meter) look(ctx context.Context) error {
	until, err := m.ClosedUntil(ctx)
	if err != nil || until.IsZero() {
		return err
	}
	var failed []error
	for w, err := range m.budgets.All(ctx, "", "") {
		if err != nil {
			return err
		}
		if !w.Until.Before(until) {
			continue
		}
		if err := m.lookAt(ctx, w.Budget, until); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (m *Meter) lookAt(ctx context.Context, b Budget, until time.Time) error {
	p, err := m.Preview(ctx, b.Tenant)
	if err != nil {
		return err
	}
	for _, t := range b.passed(p) {
		if err := created(m.alerts.Create(ctx, t.ID, t)); err != nil {
			return err
		}
	}
	_, err = m.budgets.Update(ctx, b.id(), func(w watched) (watched, error) {
		if !w.Until.Before(until) {
			return w, store.Unchanged
		}
		w.Until = until
		return w, nil
	})
	if errors.Is(err, fault.NotFound) {
		return nil // it ended meanwhile
	}
	return err
}

// passed are the alerts of the thresholds that a period has reached.
func (b Budget) passed(p Preview) (list []Alert) {
	n := slices.IndexFunc(p.Totals, func(t StatementTotal) bool { return t.Currency == b.Currency })
	if n < 0 {
		return nil
	}
	spent := p.Totals[n].Amount
	for _, percent := range b.Thresholds {
		if spent.Mul(decimal.New(100, 0)).LessThan(b.Amount.Mul(decimal.New(int64(percent), 0))) {
			break
		}
		list = append(list, Alert{
			ID: recordID(p.Period.Start, string(b.Tenant), b.Currency, decimal.New(int64(percent), 0).String()), Tenant: b.Tenant, Currency: b.Currency,
			Period: p.Period, Threshold: percent, Budget: b.Amount, Spent: spent, Until: p.Until, Webhook: b.Webhook,
			Raised: time.Now().UTC(), delivery: delivery{Next: time.Now().UTC()},
		})
	}
	return list
}

// Alert tells once that a tenant's budget has reached a threshold in a billing period.
type Alert struct {
	ID        string            `json:"id"` // the same each time that it is sent
	Tenant    topology.TenantID `json:"tenant"`
	Currency  string            `json:"currency"`
	Period    rating.Period     `json:"period"`
	Threshold int               `json:"threshold"` // in percent of Budget
	Budget    decimal.Decimal   `json:"budget"`
	Spent     decimal.Decimal   `json:"spent"` // by what was metered until Until
	Until     time.Time         `json:"until"`
	Webhook   string            `json:"webhook"`
	Raised    time.Time         `json:"raised"`
	delivery
}
