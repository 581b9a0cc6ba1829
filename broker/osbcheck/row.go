package osbcheck

import (
	"fmt"
	"slices"
	"strings"
)

// Strength is how much the standard wants a row (RFC 2119). A broker that misses
// what it only should or may do gets a warning.
type Strength string

// The strengths. Field marks what the standard leaves open and real platforms or
// published checkers insist on.
const (
	Must   Strength = "must"
	Should Strength = "should"
	May    Strength = "may"
	Field  Strength = "field"
)

// Row is one situation of the standard.
type Row struct {
	ID       string   `json:"id"`       // "P5": a letter for the endpoint, a number
	Title    string   `json:"title"`    // what is wanted, as a statement
	Section  string   `json:"section"`  // heading of spec.md, or of the document named in front of it
	Since    int      `json:"since"`    // minor version of 2.x that brought it
	Strength Strength `json:"strength"` // of what the row wants, unless a finding says otherwise
	needs    []need
	run      func(*trial)
}

// Version is the version that brought the row.
func (r Row) Version() string { return fmt.Sprintf("2.%d", r.Since) }

// Place is where the standard says so.
func (r Row) Place() string {
	document, heading, other := strings.Cut(r.Section, ", ")
	if !other {
		document, heading = "spec.md", r.Section
	}
	return fmt.Sprintf("%s, %q, since %s", document, heading, r.Version())
}

// Rows are all rows in the order of a report.
func Rows() []Row {
	return slices.Concat(headerRows(), errorRows(), catalogRows(), provisionRows(), fetchRows(), updateRows(), deprovisionRows(),
		operationRows(), bindRows(), rotationRows(), bindingRows(), unbindRows(), orphanRows())
}

// needs makes the list of a row's needs readable in the tables.
func needs(list ...need) []need { return list }
