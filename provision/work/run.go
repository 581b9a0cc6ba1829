package work

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
)

// sweepEvery is how often changes that are in no queue are looked for.
const sweepEvery = 15 * time.Second

var errStopping = errors.New("the engine must stop now")

// Run claims lanes and carries out their changes until ctx ends. Then it finishes
// the steps in hand, for which it takes up to Options.Grace, hands the lanes over
// and returns nil, with all its goroutines ended. While the store cannot be
// reached it waits. Run is called once.
func (e *Engine) Run(ctx context.Context) error {
	// Handlers outlive ctx; they end with work. Requests go before them.
	work, interrupt := context.WithCancelCause(store.Patient(context.WithoutCancel(ctx)))
	defer interrupt(nil)
	var workers sync.WaitGroup
	slots := make(chan struct{}, e.opts.Workers)
	e.dispatch(ctx, slots, func(l Lane) {
		workers.Go(func() {
			again := e.attend(ctx, work, l)
			if again.IsZero() && e.waiting.any(l) {
				again = time.Now()
			}
			e.agenda.leave(l, again)
			<-slots
		})
	})
	patience := time.AfterFunc(e.opts.Grace, func() { interrupt(errStopping) })
	defer patience.Stop()
	workers.Wait()
	return nil
}

// dispatch starts work on each lane that is due, when a slot is free.
func (e *Engine) dispatch(ctx context.Context, slots chan struct{}, start func(Lane)) {
	patrol := patrol{engine: e, takeover: e.opts.Takeover}
	for ctx.Err() == nil {
		patrol.round(ctx)
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		case <-time.After(patrol.rest()):
			continue
		}
		lane, ok, pause := e.agenda.take(time.Now(), patrol.rest())
		if ok {
			start(lane)
			continue
		}
		<-slots
		select {
		case <-ctx.Done():
		case <-e.agenda.wake:
		case <-time.After(pause):
		}
	}
}

// patrol looks into the store for work that nobody told this process of.
type patrol struct {
	engine   *Engine
	takeover bool // still to be done
	looked   time.Time
	swept    time.Time
	failing  bool
}

// rest is how long until the next round.
func (p *patrol) rest() time.Duration {
	return time.Until(p.looked.Add(p.engine.opts.Poll))
}

// round looks, if it is time to.
func (p *patrol) round(ctx context.Context) {
	if p.rest() > 0 {
		return
	}
	p.looked = time.Now()
	err := p.inspect(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil && !p.failing: // once for each outage
		p.engine.log.Error("cannot look for work", "error", err)
	case err == nil && p.failing:
		p.engine.log.Info("can look for work again")
	}
	p.failing = err != nil
}

func (p *patrol) inspect(ctx context.Context) error {
	if p.takeover {
		if err := p.engine.TakeOver(ctx); err != nil {
			return err
		}
		p.takeover = false
	}
	if time.Since(p.swept) >= sweepEvery {
		if err := p.engine.sweep(ctx); err != nil {
			return err
		}
		p.swept = time.Now()
	}
	return p.engine.look(ctx)
}
