package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	metaCollection = "meta"
	formatID       = "format"
	firstLevel     = 1
)

// format is the document that says how everything else in the store is written.
// Every version of the program must be able to read it.
type format struct {
	Level int   `json:"level"`
	Lease Lease `json:"lease,omitzero"` // of who migrates the store
}

// liftLasts is how long others leave a migration to a process that died.
const liftLasts = 10 * time.Second

// migration lifts a store from level-1 to level. Of the processes that start at the
// same time one runs it, while the others wait. After a crash it is run again from
// its beginning, so that it has to pass over what is done; its context ends
// when another has taken over.
type migration struct {
	level int
	name  string
	run   func(context.Context, *Store) error
}

// migrations is every lift there ever was, in order, ending at this program's level.
func migrations() []migration { return nil }

// Open is a store on a back end whose format this program knows: an empty one is
// marked with this program's level, an older one is migrated, and a newer one is
// refused with fault.Conflict, because writing to it would lose what this program
// does not know of; so is one into which documents are still being moved (Migrate). When Open fails the back end remains open.
func Open(ctx context.Context, d Driver) (*Store, error) {
	s := New(d)
	if err := unmoved(ctx, s); err != nil {
		return nil, err
	}
	if err := s.lift(ctx, migrations(), liftLasts); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) lift(ctx context.Context, steps []migration, lasts time.Duration) error {
	ours := firstLevel + len(steps)
	formats := In[format](s, metaCollection, nil)
	_, err := formats.Upsert(ctx, formatID, func(f format, exists bool) (format, error) {
		if exists {
			return f, known(f, ours)
		}
		return format{Level: ours}, nil
	})
	if err != nil {
		return err
	}
	duty := Duty[format]{Progress: formats, ID: formatID, Lasts: lasts, Lease: func(f *format) *Lease { return &f.Lease }}
	for _, m := range steps {
		_, err := duty.Do(ctx,
			func(f format, _ bool) (format, error) {
				if f.Level < m.level {
					return f, nil
				}
				return f, known(f, ours)
			},
			func(ctx context.Context, _ format) error { return m.run(ctx, s) },
			func(f format) format { f.Level = m.level; return f })
		if err != nil {
			return fmt.Errorf("cannot migrate the store to level %d (%s): %w", m.level, m.name, err)
		}
	}
	return nil
}

// known refuses a format that is newer than ours, and answers Unchanged otherwise.
func known(f format, ours int) error {
	if f.Level > ours {
		return fault.New(fault.Conflict,
			"the store has format level %d and this program knows levels up to %d: start a newer version", f.Level, ours)
	}
	return Unchanged
}
