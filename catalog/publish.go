package catalog

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// Publish puts a service into the OSB catalog, with the vendor's corrections to
// what the package says or left to be inferred; nil for none. A newer version of
// the package that was pushed meanwhile takes effect. It is Invalid, with a
// detail for each, while a needed fact is missing.
func (c *Catalog) Publish(ctx context.Context, id ServiceID, corrections *Insertion) (Service, error) {
	s, err := c.Service(ctx, id)
	if err != nil {
		return s, err
	}
	fresh, pkg, err := c.newest(ctx, s)
	if err != nil {
		return s, err
	}
	if corrections != nil {
		if fresh.Insertion, err = corrected(fresh.Insertion, *corrections); err != nil {
			return s, err
		}
	}
	fresh.Missing = missing(fresh, pkg)
	if len(fresh.Missing) > 0 {
		return s, &fault.Error{Kind: fault.Invalid, Message: fmt.Sprintf("service %q cannot be published: %s", s.Name, fresh.Missing[0]), Details: fresh.Missing}
	}
	return c.services.Update(ctx, string(id), func(old Service) (Service, error) {
		next := fresh
		next.Plans = carryPrices(old.Plans, slices.Clone(fresh.Plans))
		next.State, next.Changed = Published, now()
		return next, nil
	})
}

// newest is the service made anew out of the latest push of its package.
func (c *Catalog) newest(ctx context.Context, s Service) (Service, *ovf.Package, error) {
	var latest Package
	for p, err := range c.packages.All(ctx, "vendor", s.Vendor) {
		if err != nil {
			return s, nil, err
		}
		if stableID("service", p.Vendor, p.Name) == string(s.ID) && p.Pushed.After(latest.Pushed) {
			latest = p
		}
	}
	if latest.ID == "" {
		return s, nil, fault.New(fault.NotFound, "the package of service %q was removed", s.Name)
	}
	pkg, err := c.Descriptor(ctx, latest.ID)
	if err != nil {
		return s, nil, err
	}
	fresh, err := offering(latest, pkg)
	if err == nil && s.State != Draft && sameNICs(fresh.Insertion, s.Insertion) {
		fresh.Insertion = s.Insertion // what the vendor corrected once stays corrected
	}
	fresh.Plans = carryPrices(s.Plans, fresh.Plans)
	return fresh, pkg, err
}

func sameNICs(a, b Insertion) bool {
	return slices.EqualFunc(a.Legs, b.Legs, func(x, y Leg) bool { return x.NIC == y.NIC && x.Network == y.Network })
}

// corrected puts the vendor's word over the package's: every field that is set.
func corrected(in, by Insertion) (Insertion, error) {
	if len(by.Legs) > 0 && len(by.Legs) != len(in.Legs) {
		return in, fault.New(fault.Invalid, "the package has %d NICs, and %d legs are given", len(in.Legs), len(by.Legs))
	}
	for n, l := range by.Legs {
		in.Legs[n].Role, in.Legs[n].Pair, in.Legs[n].Inferred = l.Role, l.Pair, false
		if in.Legs[n].carries() && l.Pair == 0 {
			in.Legs[n].Pair = 1
		}
	}
	in.Type, in.Topology = first(by.Type, in.Type), first(by.Topology, in.Topology)
	in.Zones, in.Failure, in.Probe = first(by.Zones, in.Zones), first(by.Failure, in.Failure), first(by.Probe, in.Probe)
	in.Modes, in.ManagedBy, in.HA = some(by.Modes, in.Modes), some(by.ManagedBy, in.ManagedBy), some(by.HA, in.HA)
	if by.Health != nil {
		in.Health = by.Health
	}
	if by.Management != nil {
		in.Management = by.Management
	}
	return in, nil
}

func some(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// missing are the facts without which nobody could be sold the service, each in
// a sentence that says what to do.
func missing(s Service, pkg *ovf.Package) []string {
	list := obstacles(pkg)
	list = append(list, s.Insertion.gaps()...)
	list = append(list, s.Insertion.unpaired()...)
	for _, p := range s.Plans {
		if len(p.Prices) == 0 {
			list = append(list, noPrice(p))
		}
	}
	return list
}

func noPrice(p Plan) string {
	return fmt.Sprintf("plan %q has no price; set one with `bumpwire price set`", p.Name)
}

func (in Insertion) gaps() []string {
	var list []string
	if in.Type == "" {
		list = append(list, "the service has no type; give one such as firewall")
	}
	for _, role := range []string{"inside", "outside"} {
		if !slices.ContainsFunc(in.Legs, func(l Leg) bool { return l.Role == role }) {
			list = append(list, fmt.Sprintf("no NIC is the %s leg; say which one is", role))
		}
	}
	return list
}

// unpaired are NICs without a role, and legs without their other end.
func (in Insertion) unpaired() []string {
	var list []string
	for n, l := range in.Legs {
		switch {
		case l.Role == "":
			list = append(list, fmt.Sprintf("NIC %d (%s) has no role; say inside, outside, management or ha", n+1, l.NIC))
		case l.Role == "inside" && in.Zones != "isolated" && !in.hasOutside(l.Pair):
			list = append(list, fmt.Sprintf("NIC %d (%s) is the inside of pair %d, which has no outside", n+1, l.NIC, l.Pair))
		}
	}
	return list
}

func (in Insertion) hasOutside(pair int) bool {
	return slices.ContainsFunc(in.Legs, func(l Leg) bool { return l.Role == "outside" && l.Pair == pair })
}

// Deprecate marks a service that is on offer: it stays in the catalog, with a
// word of advice.
func (c *Catalog) Deprecate(ctx context.Context, id ServiceID) (Service, error) {
	return c.turn(ctx, id, Deprecated, Published, Deprecated)
}

// Retire takes a service out of the catalog. Its instances live on.
func (c *Catalog) Retire(ctx context.Context, id ServiceID) (Service, error) {
	return c.turn(ctx, id, Retired, Published, Deprecated, Retired)
}

func (c *Catalog) turn(ctx context.Context, id ServiceID, to State, from ...State) (Service, error) {
	s, err := c.services.Update(ctx, string(id), func(s Service) (Service, error) {
		if !slices.Contains(from, s.State) {
			return s, fault.New(fault.Conflict, "service %q is a %s and cannot become %s", s.Name, s.State, to)
		}
		s.State, s.Changed = to, now()
		return s, nil
	})
	return s, named(err, id)
}

// SetPrice appends a price to a plan. From a zero time on means from now on, or
// from the beginning for a plan that has none in that dimension. A price may not
// begin before the latest one of its dimension: what was billed stays explained.
func (c *Catalog) SetPrice(ctx context.Context, id ServiceID, plan PlanID, p Price) (Service, error) {
	if err := p.check(); err != nil {
		return Service{}, err
	}
	s, err := c.services.Update(ctx, string(id), func(s Service) (Service, error) {
		n := slices.IndexFunc(s.Plans, func(x Plan) bool { return x.ID == plan })
		if n < 0 {
			return s, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
		}
		next, err := appended(s.Plans[n].Prices, p, now())
		if err != nil {
			return s, err
		}
		s.Missing = slices.DeleteFunc(s.Missing, func(m string) bool { return m == noPrice(s.Plans[n]) })
		s.Plans[n].Prices, s.Changed = next, now()
		return s, nil
	})
	return s, named(err, id)
}

func appended(prices []Price, p Price, at time.Time) ([]Price, error) {
	var last *Price
	for n := range prices {
		if prices[n].Dimension == p.Dimension {
			last = &prices[n]
		}
	}
	if last != nil && p.From.IsZero() {
		p.From = at
	}
	switch {
	case last != nil && p.Currency != last.Currency:
		return prices, fault.New(fault.Invalid, "the plan is priced in %s and cannot change to %s", last.Currency, p.Currency)
	case last != nil && (!p.From.After(last.From) || p.From.Before(at.Add(-time.Second))):
		return prices, fault.New(fault.Invalid, "a price cannot begin in the past or before the one in force since %s", last.From.Format(time.RFC3339))
	}
	p.From = p.From.UTC()
	return append(prices, p), nil
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// check says what is wrong with a price.
func (p Price) check() error {
	switch {
	case p.Dimension != "instance":
		return fault.New(fault.Invalid, "a price's dimension is instance, not %q", p.Dimension)
	case p.Unit != "hour":
		return fault.New(fault.Invalid, "a price is per hour, not per %q", p.Unit)
	case p.Amount.IsNegative():
		return fault.New(fault.Invalid, "a price cannot be negative")
	case p.Amount.Exponent() < -12 || p.Amount.NumDigits() > 24:
		return fault.New(fault.Invalid, "a price has at most 12 decimal places and 24 digits")
	case !currencyCode.MatchString(p.Currency):
		return fault.New(fault.Invalid, "%q is not a currency code of ISO 4217, such as EUR", p.Currency)
	}
	return nil
}

// PriceAt is the price in force at a moment.
func PriceAt(prices []Price, dimension string, at time.Time) (Price, bool) {
	var found Price
	ok := false
	for _, p := range prices {
		if p.Dimension == dimension && !p.From.After(at) {
			found, ok = p, true
		}
	}
	return found, ok
}

// named says which service a NotFound is about.
func named(err error, id ServiceID) error {
	if errors.Is(err, fault.NotFound) && !errors.As(err, new(*fault.Error)) {
		return fault.New(fault.NotFound, "there is no service %q", id)
	}
	return err
}
