package metering

import (
	"iter"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Window is a half-open interval of UTC, [Start, End).
type Window struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// clip is the part of [start, end) inside the window; ok is false when it is empty.
func (w Window) clip(start, end time.Time) (_ Window, ok bool) {
	if start.Before(w.Start) {
		start = w.Start
	}
	if end.After(w.End) {
		end = w.End
	}
	return Window{start, end}, start.Before(end)
}

const day = 24 * time.Hour

// checkLength refuses lengths whose windows would not begin at midnight.
func checkLength(length time.Duration) error {
	if length < time.Second || length > day || day%length != 0 {
		return fault.New(fault.Invalid, "a metering window of %s does not fit: a day must be a whole number of windows of at least a second", length)
	}
	return nil
}

// floor is the latest boundary between windows that is not after t. Truncate
// counts from year 1, which is a whole number of days before the epoch.
func floor(t time.Time, length time.Duration) time.Time { return t.UTC().Truncate(length) }

// stretch is consecutive windows that are closed together. The first may be
// shorter than Length, after a change of the length.
type stretch struct {
	Window
	Length time.Duration `json:"length"` // nanoseconds
}

func (s stretch) windows() iter.Seq[Window] {
	return func(yield func(Window) bool) {
		for at := s.Start; at.Before(s.End); {
			w, _ := s.clip(at, floor(at, s.Length).Add(s.Length))
			if !yield(w) {
				return
			}
			at = w.End
		}
	}
}

// touched is in how many windows there is some of the spans, which are in order and do not overlap.
func (s stretch) touched(spans ...Span) (n int) {
	last := time.Time{} // beginning of the last window that was counted
	for _, span := range spans {
		first, end := floor(span.Start, s.Length), floor(span.End.Add(-1), s.Length)
		n += int(end.Sub(first)/s.Length) + 1
		if first.Equal(last) {
			n--
		}
		last = end
	}
	return n
}
