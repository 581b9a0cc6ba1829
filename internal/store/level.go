package store

import (
	"context"
	"fmt"

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
	Level int `json:"level"`
}

// migration lifts a store from level-1 to level. It is run again from its
// beginning after a crash, and may run in two brokers at the same time.
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
	if err := s.lift(ctx, migrations()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) lift(ctx context.Context, steps []migration) error {
	ours := firstLevel + len(steps)
	formats := In[format](s, metaCollection, nil)
	at, err := formats.Upsert(ctx, formatID, func(f format, exists bool) (format, error) {
		switch {
		case !exists:
			return format{Level: ours}, nil
		case f.Level > ours:
			return f, fault.New(fault.Conflict,
				"the store has format level %d and this program knows levels up to %d: start a newer version", f.Level, ours)
		}
		return f, Unchanged
	})
	if err != nil {
		return err
	}
	for _, m := range steps {
		if m.level <= at.Level {
			continue
		}
		if err := s.migrate(ctx, formats, m); err != nil {
			return fmt.Errorf("cannot migrate the store to level %d (%s): %w", m.level, m.name, err)
		}
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, formats Collection[format], m migration) error {
	if err := m.run(ctx, s); err != nil {
		return err
	}
	_, err := formats.Update(ctx, formatID, func(f format) (format, error) {
		if f.Level >= m.level {
			return f, Unchanged
		}
		return format{Level: m.level}, nil
	})
	return err
}
