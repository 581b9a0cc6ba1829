package metering

import (
	"context"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// SetTax has tenants' statements taxed from a billing period on: the first that does not begin before it;
// without From that is the period in hand. One of the same name, tenant and beginning is replaced. fault.Invalid when the
// tax is unsound; fault.Conflict when it would alter what is issued, or due.
func (m *Meter) SetTax(ctx context.Context, t rating.Tax) (rating.Tax, error) {
	if err := checkTax(t); err != nil {
		return t, err
	}
	var err error
	if t.From, err = m.begin(ctx, t.From, "a tax"); err != nil {
		return t, err
	}
	_, err = m.taxes.Upsert(ctx, digestOf(t.Name, string(t.Tenant), t.From.Format(timeForm)), func(rating.Tax, bool) (rating.Tax, error) { return t, nil })
	return t, err
}

func checkTax(t rating.Tax) error {
	switch {
	case strings.TrimSpace(t.Name) == "" || len(t.Name) > 50:
		return fault.New(fault.Invalid, "a tax has a name of up to 50 bytes")
	case t.Percent.IsNegative() || t.Percent.GreaterThan(decimal.New(100, 0)) || t.Percent.Exponent() < -4:
		return fault.New(fault.Invalid, "a tax is 0 to 100 percent, with at most 4 decimal places")
	case t.Tenant == provision.OperatorAccount:
		return fault.New(fault.Invalid, "what the operator uses itself is not taxed")
	}
	return nil
}

// Taxes lists all by name, tenant and beginning.
func (m *Meter) Taxes(ctx context.Context) ([]rating.Tax, error) {
	all := []rating.Tax{}
	for t, err := range m.taxes.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	slices.SortFunc(all, rating.Tax.Compare)
	return all, nil
}

// taxed are lines with the taxes on them. The operator does not tax itself.
func (i *issuer) taxed(ctx context.Context, tenant topology.TenantID, lines []rating.Line) ([]rating.Line, error) {
	if tenant == provision.OperatorAccount {
		return lines, nil
	}
	if i.rates == nil {
		all, err := i.Taxes(ctx)
		if err != nil {
			return nil, err
		}
		i.rates = all
	}
	return append(lines, rating.Taxes(lines, i.rates, tenant, i.period)...), nil
}
