// Package metering turns the history of instances into usage, and usage into
// billing records. An instance is billed while it is active: not while it is being
// provisioned or removed, and not at all when its provisioning fails.
//
// # Windows
//
// Usage is gathered in windows, half-open UTC intervals of a configured length
// (an hour as a rule) aligned to the epoch; local time and its changes play no
// part. A window is closed once, whole, for all instances, after it has ended and a
// grace period has passed in which late writes arrive. There is no closing early:
// who wants to see bills sooner (a demonstration) configures shorter windows.
//
// Windows are closed in order and without a gap. What is to be closed next is
// planned in one document by compare-and-swap before anything is metered, so that
// any number of brokers, of any configuration and at the same time, close the very
// same windows. Changing the length of windows takes effect at the first boundary
// after what is closed.
//
// # Once, exactly
//
// Of time nothing is stored. A usage record's id is made of instance, dimension and
// window (and of which instance it was, when an id was used again); a billing record's id is made of instance, dimension, plan and the start of
// its interval. Both follow from histories, to which is only ever appended, from prices, which do not
// begin in the past, and from which windows are closed. So who asks again, or on
// another broker, gets the same.
//
// # What appliances report
//
// Events that appliances report are documents whose id is the source's own, so that each
// is there once. A tally has what of them is counted, of one instance, dimension and plan in a month of UTC, window by
// window; see tally for why none is lost or counted twice. Its usage records are made when somebody asks for them.
//
// # What passes legs
//
// Counters of appliances' legs are read in rounds, each reading in an interval that was opened
// before, into one document an instance; see odometer. What has passed in a window goes into the
// same tallies as what is reported.
//
// # Statements
//
// When a billing period is over, every tenant that used something gets a statement: the
// lines of package rating, over all usage of the period, and corrections of earlier
// periods. Billing records are what each hour costs, as it passes, to six places;
// what is owed is the statement.
//
// The number of a statement is the id of its document. To issue one is to create the
// document after the last; of several brokers one succeeds, and the others look again.
// So numbers have no gap and no tenant has two for one period, whoever dies
// when. Lines are kept in pages under their hash, written before the statement that names
// them; a page that no statement names, of an issue that died, harms nobody.
//
// Vendors with an agreement get statements in the same series, after those of the period's
// tenants: their share of each line and of each correction, without saying whose it is. The shares
// of a line sum to the line.
//
// # What is stored
//
// Collection "credits": of each tenant, what it is granted and refunded; each statement says which of it
// has been on it, so none is lost or counted twice. Collection "agreements": rating.Agreement.
// Collection "taxes": rating.Tax. Collection "billing-zones": in which time zones a tenant's months begin. Collection "promises": rating.Promise.
// Collections "budgets" and "budget-alerts": whom to tell when a tenant has spent so much, and what was told. Collection "statements": Statement, without lines, under its number. Collection
// "statement-pages": their lines. Collection "issued", document "statements": for which
// periods they are issued. Collection "rate-again": which period of a tenant is to be rated anew.
//
// Collection "erasures": Erasure, what names were erased; collection "forgetting", document "names": how far they are.
//
// Collections "events" and "tallies": what was reported, and what of it is counted. Collection "odometers": what
// counters said last; collection "sampling", document "counters": how far they are read. Collection "windows": one
// Closed for each run of windows closed together. Collection "metering", document
// "progress": how far windows are closed, of what lengths, and which are being closed.
package metering
