package metering

import (
	"context"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/iso4217"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Credit is what a tenant is given back: an amount that the operator grants, or part of a line. It is
// a line of the tenant's next statement that is issued; nothing that was issued changes.
type Credit struct {
	ID       string            `json:"id"` // chosen by who grants, unique for a tenant: the same again changes nothing
	Tenant   topology.TenantID `json:"tenant"`
	Currency string            `json:"currency"`       // ISO 4217
	Amount   decimal.Decimal   `json:"amount"`         // positive, before taxes
	Reason   string            `json:"reason"`         // told to the tenant
	Line     string            `json:"line,omitempty"` // of a refund: the line, by the id of the original
	Granted  time.Time         `json:"granted"`
	On       int               `json:"on,omitempty"` // the statement that it is on; none as long as it waits for the next
}

// A tenant has so many credits at most, each with so long a reason.
const (
	maxCredits = 5000
	maxReason  = 200
)

func ledgerID(tenant topology.TenantID) string { return digestOf(string(tenant)) }

// Grant credits a tenant with an amount, which the operator bears alone. Of c, ID, Tenant, Currency,
// Amount and Reason count. fault.Invalid when the credit is unsound; fault.Conflict when another was granted
// with its id.
func (m *Meter) Grant(ctx context.Context, c Credit) (Credit, error) {
	c.Line = ""
	if c.Tenant == "" {
		return c, fault.New(fault.Invalid, "a credit is for a tenant: name it")
	}
	return m.enter(ctx, c, nil)
}

// Refund gives back an amount of a line of a tenant's statement, or of the line that this corrects; zero: all
// that is left of it. What vendors got of it goes back by the agreement that it was shared by. Of c, ID, Amount
// and Reason count. No more is given back than is left of all lines of the same instance on the same plan, of which
// service-level credits may have given back some already. fault.NotFound without such a line; fault.Invalid when it is
// not one of usage or a fee; fault.Conflict when less of it is left.
func (m *Meter) Refund(ctx context.Context, statement int, line string, c Credit) (Credit, error) {
	s, err := m.Statement(ctx, statement)
	if err != nil {
		return c, err
	}
	n := slices.IndexFunc(s.Lines, func(l rating.Line) bool { return l.ID == line })
	if n < 0 {
		return c, fault.New(fault.NotFound, "statement %d has no line %q", statement, line)
	}
	l := s.Lines[n]
	if s.Vendor != "" || !l.Rated() {
		return c, fault.New(fault.Invalid, "lines for usage and fees on tenants' statements are refunded; taxes follow by themselves")
	}
	billed, err := m.standing(ctx, l)
	if err != nil {
		return c, err
	}
	c.Tenant, c.Currency, c.Line = l.Tenant, l.Currency, l.Original()
	return m.enter(ctx, c, &billed)
}

// standing is what lines come to on the statements so far, before refunds: one of them, and all of its
// account, service-level credits included.
type standing struct {
	line, account decimal.Decimal
	ids           []string // of the account's lines
}

// left is what can still be refunded of the line.
func (b standing) left(l ledger, line string) decimal.Decimal {
	account := b.account
	for _, id := range b.ids {
		account = account.Sub(l.refunded(id))
	}
	return decimal.Max(decimal.Min(b.line.Sub(l.refunded(line)), account), decimal.Zero)
}

// enter appends a credit to its tenant's ledger. Of a refund billed is what its line comes to.
func (m *Meter) enter(ctx context.Context, c Credit, billed *standing) (entered Credit, _ error) {
	c.Granted, c.On = time.Now().UTC().Truncate(time.Second), 0
	_, err := m.ledgers.Upsert(ctx, ledgerID(c.Tenant), func(l ledger, _ bool) (next ledger, err error) {
		next, entered, err = l.with(c, billed)
		return next, err
	})
	return entered, err
}

// with is the ledger with one more credit, and that as it is entered; store.Unchanged when it is there.
func (l ledger) with(c Credit, billed *standing) (ledger, Credit, error) {
	n := slices.IndexFunc(l.Credits, func(k Credit) bool { return k.ID == c.ID })
	if n >= 0 {
		known := l.Credits[n]
		_, erased := l.Erased[c.ID]
		same := known.Currency == c.Currency && (known.Reason == c.Reason || erased) && known.Line == c.Line &&
			(known.Amount.Equal(c.Amount) || billed != nil && c.Amount.IsZero())
		if !same {
			return l, c, fault.New(fault.Conflict, "tenant %q has another credit %q, of %s %s", c.Tenant, c.ID, known.Amount, known.Currency)
		}
		return l, known, store.Unchanged
	}
	if billed != nil {
		left := billed.left(l, c.Line)
		if c.Amount.IsZero() {
			c.Amount = left
		}
		if c.Amount.GreaterThan(left) || !left.IsPositive() {
			return l, c, fault.New(fault.Conflict, "of line %q %s %s can still be refunded", c.Line, left, c.Currency)
		}
	}
	if err := c.check(); err != nil {
		return l, c, err
	}
	if len(l.Credits) >= maxCredits {
		return l, c, fault.New(fault.Conflict, "tenant %q has %d credits, and can have no more", c.Tenant, maxCredits)
	}
	return l.and(c), c, nil
}

func (c Credit) check() error {
	places, known := iso4217.Places(c.Currency)
	switch {
	case c.ID == "" || len(c.ID) > 100:
		return fault.New(fault.Invalid, "a credit has an id of up to 100 bytes")
	case c.Reason == "" || len(c.Reason) > maxReason:
		return fault.New(fault.Invalid, "a credit has a reason of up to %d bytes", maxReason)
	case !known:
		return fault.New(fault.Invalid, "%.10q is not a currency of ISO 4217", c.Currency)
	case !c.Amount.IsPositive() || !c.Amount.Equal(c.Amount.Truncate(places)) || c.Amount.GreaterThan(decimal.New(1, 12)):
		return fault.New(fault.Invalid, "the amount of a credit is positive, up to 10^12, with at most %d decimal places", places)
	}
	return nil
}

// standing is of the line that a line is or corrects.
func (m *Meter) standing(ctx context.Context, l rating.Line) (billed standing, _ error) {
	past, err := m.statementsOf(ctx, party{tenant: l.Tenant})
	if err != nil {
		return billed, err
	}
	for _, s := range past {
		if s.Period.Start.Before(l.Period.Start) {
			continue
		}
		lines, err := m.linesOf(ctx, s)
		if err != nil {
			return billed, err
		}
		_, sum := rating.Standing(lines, l.Original())
		billed.line = billed.line.Add(sum)
		for _, o := range lines {
			if o.Rated() && o.SameAccount(l) {
				billed.account, billed.ids = billed.account.Add(o.Amount), append(billed.ids, o.Original())
			}
		}
	}
	slices.Sort(billed.ids)
	billed.ids = slices.Compact(billed.ids)
	return billed, nil
}

// Credits lists a tenant's in the order in which they were granted, or those of all.
func (m *Meter) Credits(ctx context.Context, tenant topology.TenantID) ([]Credit, error) {
	all := []Credit{}
	for l, err := range m.ledgers.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		if tenant != "" && l.Tenant != tenant {
			continue
		}
		past, err := m.statementsOf(ctx, party{tenant: l.Tenant})
		if err != nil {
			return nil, err
		}
		for _, c := range l.Credits {
			if n := statementWith(past, c.ID); n >= 0 {
				c.On = past[n].Number
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func statementWith(past []Statement, credit string) int {
	return slices.IndexFunc(past, func(s Statement) bool { return slices.Contains(s.Credits, credit) })
}

// creditsOf are the ids of the credits that lines are; what corrects one is on a statement again.
func creditsOf(lines []rating.Line) (ids []string) {
	for _, l := range lines {
		if l.Credit != "" && l.Corrects == "" {
			ids = append(ids, l.Credit)
		}
	}
	return ids
}

// explainCredit tells by which credit a line gives something back.
func (m *Meter) explainCredit(ctx context.Context, s Statement, l rating.Line) (Explanation, error) {
	e := Explanation{Statement: s.Number, Line: l, Usage: []rating.Usage{}, Evidence: l.Evidence, Matches: true}
	known, err := m.ledgers.Get(ctx, ledgerID(s.Tenant))
	if err != nil {
		return e, err
	}
	n := slices.IndexFunc(known.Credits, func(c Credit) bool { return c.ID == l.Credit })
	if n < 0 {
		return e, fault.New(fault.NotFound, "there is no credit %q any more", l.Credit)
	}
	c := known.Credits[n]
	c.On, e.Credit = s.Number, &c
	return e, nil
}
