// Package osbcheck tests any broker against the Open Service Broker API 2.17.
//
// The suite is a table of rows (Rows). A row is one situation of the standard: it
// says since which version it holds, how strongly the standard wants it, what a
// broker must offer for it to apply, and how to provoke it over HTTP. Rows share
// nothing but one instance that they only read and bind to; whatever a row makes
// it removes, also when the run is interrupted.
//
// The broker under test is taken at its word only where there is no other way: its
// catalog says what it offers, and whether it works synchronously is tried out.
// Nothing here knows the broker that this module serves.
package osbcheck
