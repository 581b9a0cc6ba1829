package work_test

import (
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/provision/work"
)

// options make sagas short: four attempts, and ten seconds for a task.
var options = work.Options{
	MaxAttempts:  4,
	Patience:     time.Second,
	TaskDeadline: 10 * time.Second,
	Backoff:      func(attempt int) time.Duration { return time.Duration(attempt) * time.Second },
}

func times(s string, n int) string { return strings.Repeat(s, n) }
