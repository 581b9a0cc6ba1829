// Package rating prices usage. It is arithmetic and nothing else: no store, no
// clock, no input or output; the same usage and prices give the same lines, in the
// same order, whatever order they are given in.
//
// # Period
//
// A billing period is a calendar month in the tenant's billing time zone, half-open.
// Tiers, packages and included quantities count over a whole period, and amounts that
// are not per unit are for a whole period. Lines are per period.
//
// # Prices that change
//
// The versions of a price divide a period into segments. Usage belongs to the segment
// in which it begins; what lasts is cut at the nanosecond. A version prices its
// segment's stretch of the quantity that runs up over the whole period: after a
// change in the middle of the month, tiers go on where they were. Of amounts for a
// whole period a segment has its part, by seconds.
//
// # Rounding
//
// An amount is rounded once, at its line, half to even, from the exact quotient, to
// the currency's decimal places. Everything after that is sums and differences of
// rounded amounts, so a statement's total is the sum of the lines that it shows, and
// can be paid. Windows in which usage was gathered play no part: a line adds up exact
// quantities first.
//
// # Late usage
//
// Rate is always given all usage of a period. Correct takes what was billed and what
// is right, and answers the differences, as lines: nothing that was billed changes. However
// late usage arrives, in whatever order and in however many batches, lines and
// corrections add up to the lines of the same usage on time.
package rating
