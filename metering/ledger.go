package metering

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// ledger is all credits of a tenant, in the order in which they were granted. Here alone is why: lines of statements have
// a digest of that, under a salt, so that who has the digest cannot try out reasons once the salt is gone.
type ledger struct {
	Tenant  topology.TenantID    `json:"tenant"`
	Credits []Credit             `json:"credits"`          // without On, which the statements say
	Salts   map[string]string    `json:"salts,omitempty"`  // by credit; none of what an older version granted: the line has the reason itself
	Erased  map[string]time.Time `json:"erased,omitempty"` // by credit, when its id took the place of its reason
}

// and is the ledger with one more credit.
func (l ledger) and(c Credit) ledger {
	l.Tenant, l.Credits = c.Tenant, append(slices.Clone(l.Credits), c)
	if l.Salts = maps.Clone(l.Salts); l.Salts == nil {
		l.Salts = map[string]string{}
	}
	l.Salts[c.ID] = rand.Text()
	return l
}

// digested is the line of a credit with the digest of its reason.
func (l ledger) digested(line rating.Line) rating.Line {
	if salt, ok := l.Salts[line.Credit]; ok {
		line.ReasonDigest = digestOf(salt, line.Reason)
	}
	return line
}

// find is a credit; zero when there is none.
func (l ledger) find(credit string) (c Credit) {
	if n := slices.IndexFunc(l.Credits, func(c Credit) bool { return c.ID == credit }); n >= 0 {
		c = l.Credits[n]
	}
	return c
}

// forget puts ids in the place of the reasons of the credits that old says, and tells how many: those whose reason is
// part of a statement that an older version issued are kept.
func (l ledger) forget(old func(Credit) bool, now time.Time) (next ledger, erased, kept int) {
	l.Credits, l.Salts, l.Erased = slices.Clone(l.Credits), maps.Clone(l.Salts), maps.Clone(l.Erased)
	for n, c := range l.Credits {
		_, digested := l.Salts[c.ID]
		_, done := l.Erased[c.ID]
		switch {
		case done || !old(c):
		case !digested:
			kept++
		default:
			if l.Erased == nil {
				l.Erased = map[string]time.Time{}
			}
			l.Credits[n].Reason, l.Erased[c.ID] = c.ID, now
			delete(l.Salts, c.ID)
			erased++
		}
	}
	return l, erased, kept
}

func (m *Meter) ledger(ctx context.Context, tenant topology.TenantID) (ledger, error) {
	l, err := m.ledgers.Get(ctx, ledgerID(tenant))
	if errors.Is(err, fault.NotFound) {
		return ledger{}, nil
	}
	return l, err
}

// reasoned are the lines of a tenant's statement with the reasons that its ledger has; with the ids of credits where these are erased.
func (m *Meter) reasoned(ctx context.Context, tenant topology.TenantID, lines []rating.Line) ([]rating.Line, error) {
	if !slices.ContainsFunc(lines, digested) {
		return lines, nil
	}
	l, err := m.ledger(ctx, tenant)
	for n := range lines {
		if digested(lines[n]) {
			lines[n].Reason = l.find(lines[n].Credit).Reason
		}
	}
	return lines, err
}

func digested(l rating.Line) bool { return l.ReasonDigest != "" }

// unfounded are the reasons of a statement's lines that are not those with which it was issued, nor erased.
func (m *Meter) unfounded(ctx context.Context, s Statement) (list []string, _ error) {
	if !slices.ContainsFunc(s.Lines, digested) {
		return nil, nil
	}
	l, err := m.ledger(ctx, s.Tenant)
	for _, line := range s.Lines {
		_, erased := l.Erased[line.Credit]
		if digested(line) && !erased && digestOf(l.Salts[line.Credit], line.Reason) != line.ReasonDigest {
			list = append(list, fmt.Sprintf("the reason of credit %q is not the one that was issued", line.Credit))
		}
	}
	return list, err
}
