package catalog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

// The version is what saves platforms from reading the catalog again, so it must
// change whenever they would see something else, and should not otherwise.
func TestTheVersionChangesWhenPlatformsSeeSomethingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		var service catalog.Service
		price := func(amount string, from time.Time) func() error {
			return func() error {
				p := euros(amount)
				p.From = from
				return second(s.SetPrice(background, service.ID, service.Plans[0].ID, p))
			}
		}
		push := func(edits ...string) func() error {
			return func() (err error) {
				_, pushed := s.push(t, "example", ova(t, edits...))
				service = pushed
				return nil
			}
		}
		publish := func() error { return second(s.Publish(background, service.ID, nil)) }
		start := time.Now()
		for _, step := range []struct {
			name    string
			do      func() error
			changes bool
		}{
			{"a draft", push(), false},
			{"the draft is published", publish, true},
			{"it is published as it is", publish, false},
			{"a newer version waits", push(append(version("2.0"), "Keeps the bad out.", "Keeps all out.")...), false},
			{"the newer one is published", publish, true},
			{"a newer version that looks the same but for its number", push(append(version("2.1"), "Keeps the bad out.", "Keeps all out.")...), false},
			{"that one is published", publish, true},
			{"a price is announced", price("0.5", start.Add(time.Hour)), false},
			{"it is not yet in force", func() error { time.Sleep(time.Hour - 1); return nil }, false},
			{"it begins", func() error { time.Sleep(time.Nanosecond); return nil }, true},
			{"another dimension gets a price", func() error {
				p := euros("9")
				p.Dimension, p.Unit, p.Model = "setup", "", catalog.ModelOnce
				return second(s.SetPrice(background, service.ID, service.Plans[0].ID, p))
			}, true},
			{"the same price again", func() error { time.Sleep(time.Nanosecond); return price("0.5", time.Time{})() }, false},
			{"another at once", func() error { time.Sleep(time.Nanosecond); return price("0.6", time.Time{})() }, true},
			{"advice against it", func() error { return second(s.Deprecate(background, service.ID)) }, true},
			{"it leaves the catalog", func() error { return second(s.Retire(background, service.ID)) }, true},
			{"a price that nobody sees", price("7", start.Add(9*time.Hour)), false},
			{"its package goes", func() error { return s.Remove(background, service.Candidate) }, false},
		} {
			if step.name == "its package goes" {
				service.Candidate = "example/example@2.1"
			}
			before := s.version(t)
			require.NoError(t, step.do(), step.name)
			require.Equal(t, step.changes, before != s.version(t), step.name)
		}
	})
}
