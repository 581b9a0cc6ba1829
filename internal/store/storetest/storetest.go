// Package storetest is the conformance suite of store drivers, a store for other
// packages' tests, and a driver that fails on demand.
package storetest

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// New is an empty store for a test, closed at its end: in memory, or with
// BUMPWIRE_TEST_STORE=mongodb in MongoDB, unless the test runs in a bubble of
// synctest, in which sockets do not work.
func New(t testing.TB) *store.Store {
	t.Helper()
	return store.New(Driver(t))
}

// Driver is an empty back end as New has it.
func Driver(t testing.TB) store.Driver {
	t.Helper()
	const bubbles = 2000 // when their clocks begin
	if os.Getenv("BUMPWIRE_TEST_STORE") == "mongodb" && time.Now().Year() > bubbles {
		return Mongo(t)
	}
	return Memory(t)
}

// Memory is an empty back end in memory for a test, closed at its end.
func Memory(t testing.TB) store.Driver {
	t.Helper()
	d, err := sqlitestore.Memory()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// Run runs the whole suite. Function open makes an empty back end for one test
// and closes it at that test's end.
func Run(t *testing.T, open func(t *testing.T) store.Driver) {
	groups := []struct {
		name  string
		cases []testCase
	}{
		{"document", documentCases()},
		{"scan", scanCases()},
		{"concurrency", concurrencyCases()},
		{"life", lifeCases()},
		{"archive", archiveCases()},
	}
	for _, g := range groups {
		for _, c := range g.cases {
			t.Run(g.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, open(t))
			})
		}
	}
}

type testCase struct {
	name string
	run  func(t *testing.T, d store.Driver)
}
