package metering

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Statement is what a tenant owes for a billing period, or what a vendor gets of that,
// corrections of earlier ones included. It is immutable. Statements are numbered from 1 without a gap, and each names the
// hash of the one before, so that none can be altered, taken away or put between
// without that being seen.
type Statement struct {
	Number   int               `json:"number"`
	Tenant   topology.TenantID `json:"tenant"`           // who owes; empty in a vendor's statement
	Vendor   string            `json:"vendor,omitempty"` // who gets
	Period   rating.Period     `json:"period"`
	Totals   []StatementTotal  `json:"totals"`            // by currency
	Count    int               `json:"count"`             // of lines
	Pages    []string          `json:"pages"`             // SHA-256 of the lines, pageLines at a time
	Credits  []string          `json:"credits,omitempty"` // ids of the credits that are on it
	Issued   time.Time         `json:"issued"`
	Previous string            `json:"previous"` // Hash of the statement before; empty for the first
	Hash     string            `json:"hash"`     // SHA-256 of the statement as JSON, without Hash and Lines

	Lines []rating.Line `json:"lines,omitempty"` // kept beside it, in pages
}

// StatementTotal is what is due in one currency.
type StatementTotal struct {
	Currency string          `json:"currency"`
	Amount   decimal.Decimal `json:"amount"`
}

// page is lines of a statement, stored under its hash. A document has room for that
// many, however long their names are.
type page struct {
	Lines []rating.Line `json:"lines"`
}

const pageLines = 1000

// party is whom a statement is for: a tenant or a vendor.
type party struct {
	tenant topology.TenantID
	vendor string
}

// keys are what statements are found by.
func (s Statement) keys() map[string]string {
	if s.Vendor != "" {
		return map[string]string{"vendor": s.Vendor}
	}
	return map[string]string{"tenant": string(s.Tenant)}
}

// newStatement is the statement of lines, without what depends on the one that it follows.
func newStatement(to party, period rating.Period, lines []rating.Line) (Statement, []page) {
	s := Statement{
		Tenant: to.tenant, Vendor: to.vendor, Period: period, Totals: totalsOf(lines), Count: len(lines), Credits: creditsOf(lines),
	}
	var pages []page
	for part := range slices.Chunk(lines, pageLines) {
		p := page{part}.bare()
		pages, s.Pages = append(pages, p), append(s.Pages, p.hash())
	}
	return s, pages
}

// after is the statement as it follows another.
func (s Statement) after(before Statement, at time.Time) Statement {
	s.Number, s.Previous, s.Issued = before.Number+1, before.Hash, at.UTC().Truncate(time.Second)
	s.Hash = s.hash()
	return s
}

func totalsOf(lines []rating.Line) []StatementTotal {
	totals := []StatementTotal{}
	for currency, amount := range rating.Total(lines) {
		totals = append(totals, StatementTotal{currency, amount})
	}
	slices.SortFunc(totals, func(a, b StatementTotal) int { return cmp.Compare(a.Currency, b.Currency) })
	return totals
}

// hash depends on the form of the JSON: a member that is added to Statement, or to
// rating.Line, must be left out where it is zero, or old hashes no longer hold.
func (s Statement) hash() string {
	s.Hash, s.Lines = "", nil
	return hashOf(s)
}

func (p page) hash() string { return hashOf(p.bare()) }

// bare is the page as it is kept: reasons that have a digest stand in their tenants' ledgers.
func (p page) bare() page {
	p.Lines = slices.Clone(p.Lines)
	for n := range p.Lines {
		if l := &p.Lines[n]; l.ReasonDigest != "" {
			l.Reason = ""
		}
	}
	return p
}

func hashOf(v any) string {
	text, _ := json.Marshal(v) // no value of these types fails to
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func statementID(number int) string { return fmt.Sprintf("%012d", number) }

// faults are what is wrong with a statement by itself and after the one before; its
// lines must have been read.
func (s Statement) faults(before Statement) (list []string) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	say(s.Number != before.Number+1, "its number is %d, after %d", s.Number, before.Number)
	say(s.Hash != s.hash(), "it is not what was issued: its hash does not hold")
	say(s.Previous != before.Hash, "it does not follow the statement before: the hash of that is another")
	say(len(s.Lines) != s.Count, "it has %d lines, not %d", len(s.Lines), s.Count)
	say(!slices.Equal(creditsOf(s.Lines), s.Credits) && s.Vendor == "", "its credits are not those of its lines")
	say(hashOf(totalsOf(s.Lines)) != hashOf(s.Totals), "its totals are not the sums of its lines")
	for n, part := range slices.Collect(slices.Chunk(s.Lines, pageLines)) {
		say(n >= len(s.Pages) || page{part}.hash() != s.Pages[n], "lines from %d on are not those that were issued", n*pageLines+1)
	}
	return list
}
