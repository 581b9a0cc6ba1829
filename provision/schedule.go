package provision

import (
	"time"

	"github.com/robfig/cron/v3"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Schedule says when something is done next.
type Schedule = cron.Schedule

// shortest is the shortest time between two comparisons: each asks the cloud about
// every tenant.
const shortest = time.Second

// interval is due at the whole multiples of a duration, so at the same times on
// every broker.
type interval time.Duration

// Next implements cron.Schedule.
func (i interval) Next(t time.Time) time.Time {
	return t.UTC().Truncate(time.Duration(i)).Add(time.Duration(i))
}

// ParseSchedule reads a cron expression in UTC or a duration such as 5m.
func ParseSchedule(text string) (Schedule, error) {
	if every, err := time.ParseDuration(text); err == nil {
		if every < shortest {
			return nil, fault.New(fault.Invalid, "%q is shorter than %s", text, shortest)
		}
		return interval(every), nil
	}
	s, err := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is neither a cron expression in UTC nor a duration such as 5m: %s", text, err)
	}
	if c, ok := s.(cron.ConstantDelaySchedule); ok {
		return interval(c.Delay), nil
	}
	return s, nil
}
