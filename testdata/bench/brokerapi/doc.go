// Package brokerapi measures the broker beside code.cloudfoundry.org/brokerapi, the
// library that most brokers in Go are made with. It is a module of its own, so
// that the library is no dependency of the program.
//
// Both serve the same catalog on loopback, with authentication and with the log
// lines that they write as delivered, to the same 32 connections in turn. The
// library's broker keeps its instances in a map; ours accepts a request once it is
// on disk in SQLite, with its engine and a simulated cloud at work behind.
package brokerapi
