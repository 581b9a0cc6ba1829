package metering_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// slowReader takes its time to read events.
type slowReader struct {
	store.Driver
	takes time.Duration
}

func (d slowReader) Scan(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	if collection == "events" {
		time.Sleep(d.takes)
	}
	return d.Driver.Scan(ctx, collection, q)
}

// Another broker counts what this one is counting, and hangs: nothing is issued before it is counted.
func TestNothingIsIssuedWhileAnotherBrokerCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		driver := storetest.Memory(t)
		s := store.New(driver)
		f := stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s"))
		quick := newMeter(t, store.New(slowReader{driver, time.Second}), f, graduatedRequests(), daily)
		hung := newMeter(t, store.New(slowReader{driver, time.Hour}), f, graduatedRequests(), daily)
		time.Sleep(february)
		_, err := quick.Report(t.Context(), "i", events("a requests 80 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		var working sync.WaitGroup
		defer working.Wait()
		working.Go(func() {
			time.Sleep(500 * time.Millisecond)
			_, err := hung.CatchUp(context.WithoutCancel(t.Context()))
			assert.NoError(t, err)
		})
		require.Equal(t, 1, issueAll(t, quick))
		want := []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  i s instance usage: 2678400 = 0",
			"  i s requests usage 1: 80 = 80",
			"  i s requests minimum: 2678400 = 40",
			"  total 120 EUR",
		}
		require.Equal(t, want, statements(t, quick))
		working.Wait()
		require.Equal(t, want, statements(t, quick))
	})
}
