package metering

import (
	"context"
	"time"

	"github.com/robfig/cron/v3"
)

// afterWindow is due as soon as the grace period of a window is over.
type afterWindow struct{ window, grace time.Duration }

// Next implements cron.Schedule.
func (s afterWindow) Next(t time.Time) time.Time {
	return floor(t.Add(-s.grace), s.window).Add(s.window + s.grace)
}

// Run closes what is over, at once and then on schedule, until ctx ends; then it
// waits for the run in hand. Of the brokers on one store one does each run, and the
// others stand by. A run that lasts beyond the next one's time takes its
// place. What fails is logged and made up for by the next run.
func (m *Meter) Run(ctx context.Context) error {
	catchUp := func() {
		closed, err := m.CatchUp(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			m.log.Error("cannot close metering windows; the next run tries again", "error", err)
		case closed.Windows > 0 || closed.Statements > 0:
			m.log.Info("metering windows closed", "from", closed.Start, "to", closed.End, "usage", closed.Usage, "bills", closed.Bills, "statements", closed.Statements)
		}
	}
	return onSchedule(ctx, m.schedule, catchUp)
}

// onSchedule does a job at once and then on a schedule, until ctx ends; then it waits for the one in hand.
func onSchedule(ctx context.Context, when cron.Schedule, job func()) error {
	job()
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger))
	c.Schedule(when, cron.NewChain(cron.SkipIfStillRunning(cron.DiscardLogger)).Then(cron.FuncJob(job)))
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	return nil
}
