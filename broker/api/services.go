package api

import (
	"context"
	"net/url"

	"github.com/bumpwire/bumpwire/catalog"
)

// Service and its parts are shown as the catalog has them.
type (
	Service   = catalog.Service
	Plan      = catalog.Plan
	Price     = catalog.Price
	Insertion = catalog.Insertion
	Package   = catalog.Package
)

// Publication publishes a service. Insertion, when given, supplies or corrects
// what the package does not say.
type Publication struct {
	Insertion *Insertion `json:"insertion,omitempty"`
}

// NewPrice sets a price of a plan from a moment on.
type NewPrice struct {
	Plan string `json:"plan"` // id or name
	Price
}

// Services lists services; vendor may be empty.
func (c *Client) Services(ctx context.Context, vendor string) ([]Service, error) {
	return list[Service](ctx, c, url.Values{"vendor": {vendor}}, "services")
}

// Service reads one service by id or name.
func (c *Client) Service(ctx context.Context, service string) (s Service, err error) {
	return s, c.get(ctx, nil, &s, "services", service)
}

// Publish puts a service into the catalog.
func (c *Client) Publish(ctx context.Context, service string, p Publication) (s Service, err error) {
	return s, c.call(ctx, "POST", nil, p, &s, "services", service, "publish")
}

// Deprecate marks a service in the catalog.
func (c *Client) Deprecate(ctx context.Context, service string) (s Service, err error) {
	return s, c.call(ctx, "POST", nil, nil, &s, "services", service, "deprecate")
}

// Retire takes a service out of the catalog; its instances live on.
func (c *Client) Retire(ctx context.Context, service string) (s Service, err error) {
	return s, c.call(ctx, "POST", nil, nil, &s, "services", service, "retire")
}

// Contract is what a tenant pays for a plan in place of the prices for all.
type Contract = catalog.Contract

// Contracts lists those of a service; a tenant's users see the tenant's.
func (c *Client) Contracts(ctx context.Context, service string) ([]Contract, error) {
	return list[Contract](ctx, c, nil, "services", service, "contracts")
}

// SetPrice appends a price, or with Tenant a contract's.
func (c *Client) SetPrice(ctx context.Context, service string, p NewPrice) (s Service, err error) {
	return s, c.call(ctx, "POST", nil, p, &s, "services", service, "prices")
}
