package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Contract is what a tenant pays for a plan in place of the prices for all. It is kept
// beside the service, as whoever may read the catalog may not read it.
type Contract struct {
	Service ServiceID `json:"service"`
	Plan    PlanID    `json:"plan"`
	Tenant  string    `json:"tenant"`
	Prices  []Price   `json:"prices"` // each with Tenant; as those of a plan
}

func (k Contract) id() string { return hashed(string(k.Service), string(k.Plan), k.Tenant) }

func (k Contract) keys() map[string]string {
	return map[string]string{"service": string(k.Service), "plan": planKey(k.Service, k.Plan)}
}

func planKey(service ServiceID, plan PlanID) string { return hashed(string(service), string(plan)) }

// hashed is short and differs where the names, foreign text of any length, do.
func hashed(names ...string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", names))
	return hex.EncodeToString(sum[:16])
}

// SetContract appends a price for a tenant to a plan; p.Tenant says for whom. Without From
// it begins now. It may begin neither in the past nor before the tenant's latest one.
func (c *Catalog) SetContract(ctx context.Context, service ServiceID, plan PlanID, p Price) (Contract, error) {
	if err := PricesError(p.Findings()); err != nil {
		return Contract{}, err
	}
	if p.Tenant == "" {
		return Contract{}, fault.New(fault.Invalid, "a contract is with a tenant")
	}
	if _, err := c.Prices(ctx, service, plan); err != nil {
		return Contract{}, err
	}
	at := now()
	p.From = cmp.Or(p.From, at).UTC()
	switch {
	case p.From.Before(at):
		return Contract{}, fault.New(fault.Invalid, "a price cannot begin in the past")
	case !p.Until.IsZero() && !p.Until.After(p.From):
		return Contract{}, fault.New(fault.Invalid, "the price ends before it begins")
	}
	if err := c.haveContracts(ctx, service); err != nil {
		return Contract{}, err
	}
	k := Contract{Service: service, Plan: plan, Tenant: p.Tenant}
	return c.contracts.Upsert(ctx, k.id(), func(known Contract, _ bool) (Contract, error) {
		k.Prices = append(slices.Clone(known.Prices), p)
		return k, PricesError(CheckPrices(k.Prices))
	})
}

// haveContracts says of a service that there are some, before there are.
func (c *Catalog) haveContracts(ctx context.Context, id ServiceID) error {
	s, err := c.Service(ctx, id)
	if err != nil || s.Contracts {
		return err
	}
	_, err = c.update(ctx, id, func(s Service) (Service, error) {
		s.Contracts = true
		return s, nil
	})
	return err
}

// Contracts are those of a service, by tenant and plan.
func (c *Catalog) Contracts(ctx context.Context, service ServiceID) ([]Contract, error) {
	all := []Contract{}
	for k, err := range c.contracts.All(ctx, "service", string(service)) {
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b Contract) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Plan, b.Plan))
	})
	return all, nil
}

// agreed are the prices of all tenants for a plan.
func (c *Catalog) agreed(ctx context.Context, service ServiceID, plan PlanID) (prices []Price, err error) {
	for k, err := range c.contracts.All(ctx, "plan", planKey(service, plan)) {
		if err != nil {
			return nil, err
		}
		prices = append(prices, k.Prices...)
	}
	return prices, nil
}

// Changes are the moments at which the price of a dimension may change for a tenant.
func Changes(prices []Price, tenant, dimension string) (moments []time.Time) {
	for _, p := range prices {
		if p.Dimension == dimension && (p.Tenant == "" || p.Tenant == tenant) {
			moments = append(moments, p.From, p.Until)
		}
	}
	return moments
}
