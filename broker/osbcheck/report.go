package osbcheck

import (
	"time"
)

// Verdict is what came of a row.
type Verdict string

// The verdicts. Blocked is a row that could not be tried although it applies: the
// broker did not get as far, or did not answer.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Warned  Verdict = "warned"
	Skipped Verdict = "skipped"
	Blocked Verdict = "blocked"
)

// Finding is one thing that a broker did otherwise.
type Finding struct {
	Strength Strength  `json:"strength"`
	Wanted   string    `json:"wanted"`
	Exchange *Exchange `json:"exchange,omitempty"`
}

// Result is a row with what came of it.
type Result struct {
	Row
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason,omitempty"` // of a row skipped or blocked
	Findings []Finding     `json:"findings,omitempty"`
	Took     time.Duration `json:"took_ns"`
}

// Report is a whole run.
type Report struct {
	URL      string   `json:"url"`
	Version  string   `json:"version"` // that was spoken
	Service  string   `json:"service,omitempty"`
	Plan     string   `json:"plan,omitempty"`
	Results  []Result `json:"rows"`
	Leftover []string `json:"leftover,omitempty"` // instances and bindings that could not be removed
	Summary  Summary  `json:"summary"`
}

// Summary counts verdicts.
type Summary struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Warned  int `json:"warned"`
	Skipped int `json:"skipped"`
	Blocked int `json:"blocked"`
}

// OK says whether nothing was missed that had to be kept.
func (s Summary) OK() bool { return s.Failed == 0 && s.Blocked == 0 }

func summarize(results []Result) (s Summary) {
	for _, r := range results {
		switch r.Verdict {
		case Passed:
			s.Passed++
		case Failed:
			s.Failed++
		case Warned:
			s.Warned++
		case Skipped:
			s.Skipped++
		case Blocked:
			s.Blocked++
		}
	}
	return s
}
