package metering

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// draftsAhead is how many statements may be drafted before the first of them is issued.
const draftsAhead = 64

// drafted is a tenant's statement before it has its number.
type drafted struct {
	tenant    topology.TenantID
	statement Statement
	due       bool
	since     int // number of the last statement that was issued before anything of the tenant was read
	err       error
}

// issueTenants issues the statements of tenants, in their order. What they owe is reckoned for several at a time.
func (i *issuer) issueTenants(ctx context.Context, tenants []topology.TenantID) (n int, err error) {
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	last := new(atomic.Int64)
	if err := i.advance(ctx); err != nil {
		return 0, err
	}
	last.Store(int64(i.head.Number))
	for waiting := range i.draftAll(ctx, &working, tenants, last) {
		d := <-waiting
		ok := false
		if err = d.err; err == nil && d.due {
			ok, err = i.number(ctx, d)
		}
		if err != nil {
			return n, fmt.Errorf("tenant %q: %w", d.tenant, err)
		}
		if last.Store(int64(i.head.Number)); ok {
			n++
		}
	}
	return n, ctx.Err()
}

// number issues a statement that was drafted. If anybody else has issued one since, that may be
// the tenant's: then it is drafted anew, the last statement first.
func (i *issuer) number(ctx context.Context, d drafted) (bool, error) {
	if err := i.advance(ctx); err != nil {
		return false, err
	}
	if i.others <= d.since {
		err := i.append(ctx, d.statement)
		if !errors.Is(err, fault.Conflict) {
			return err == nil, err
		}
	}
	if err := i.turnTo(d.tenant); err != nil {
		return false, err
	}
	return i.issue(ctx, party{tenant: d.tenant}, i.owes(ctx, d.tenant))
}

func (i *issuer) owes(ctx context.Context, t topology.TenantID) func([]Statement) ([]rating.Line, error) {
	return func(past []Statement) ([]rating.Line, error) { return i.due(ctx, t, past) }
}

// draftAll drafts statements, and gives each when it comes to be issued.
func (i *issuer) draftAll(ctx context.Context, working *sync.WaitGroup, tenants []topology.TenantID, last *atomic.Int64) <-chan chan drafted {
	type job struct {
		tenant topology.TenantID
		done   chan drafted
	}
	jobs, queue := make(chan job), make(chan chan drafted, draftsAhead)
	for range runtime.GOMAXPROCS(0) {
		own := newIssuer(i.Meter).in(i.months) // what it remembers of the catalog is its own
		working.Go(func() {
			for j := range jobs {
				d := drafted{tenant: j.tenant, since: int(last.Load())}
				if d.err = own.turnTo(j.tenant); d.err == nil {
					d.statement, d.due, d.err = own.draft(ctx, party{tenant: j.tenant}, own.owes(ctx, j.tenant))
				}
				j.done <- d
			}
		})
	}
	working.Go(func() {
		defer close(queue)
		defer close(jobs)
		for _, t := range tenants {
			j := job{t, make(chan drafted, 1)}
			select {
			case queue <- j.done:
			case <-ctx.Done():
				return
			}
			jobs <- j
		}
	})
	return queue
}
