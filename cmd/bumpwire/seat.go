package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
)

// doorPatience is how long a broker may take to start before the next one gives up.
const doorPatience = 30 * time.Second

// seat is a broker's place in a data folder, which it may share with others. Both
// locks are the kernel's, so they go with a process however it ends.
type seat struct {
	alone bool     // nobody else is seated, and nobody can be until close the door
	table *os.File // locked shared, or for itself, as long as the broker runs
	door  *os.File // locked while the broker starts: one at a time; nil: closed
}

// sit takes a place in a data folder, which it makes. One that is to be exclusive,
// and any beside an exclusive one, is refused with fault.Conflict.
func sit(ctx context.Context, dir string, exclusive bool) (_ *seat, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the data folder: %w", err)
	}
	s := &seat{}
	defer func() {
		if err != nil {
			s.leave()
		}
	}()
	if s.door, err = openLock(dir, "starting"); err != nil {
		return nil, err
	}
	if err := s.waitAtTheDoor(ctx); err != nil {
		return nil, err
	}
	if s.table, err = openLock(dir, "lock"); err != nil {
		return nil, err
	}
	if s.alone = lock(s.table, syscall.LOCK_EX|syscall.LOCK_NB) == nil; s.alone && exclusive {
		return s, nil
	}
	if exclusive || lock(s.table, syscall.LOCK_SH|syscall.LOCK_NB) != nil {
		return nil, fault.New(fault.Conflict, "another broker works in the data folder %s; on the linux cloud there is but one", dir)
	}
	return s, nil
}

// waitAtTheDoor lets a broker that is starting finish.
func (s *seat) waitAtTheDoor(ctx context.Context) error {
	patience, cancel := context.WithTimeout(ctx, doorPatience)
	defer cancel()
	for lock(s.door, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-patience.Done():
			return fault.New(fault.Unavailable, "another broker has been starting in this data folder for %v", doorPatience)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func openLock(dir, name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot write to the data folder: %w", err)
	}
	return f, nil
}

func lock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// closeDoor lets the next broker start.
func (s *seat) closeDoor() {
	if s.door != nil {
		_ = s.door.Close() // the lock goes with it
		s.door = nil
	}
}

func (s *seat) leave() {
	s.closeDoor()
	if s.table != nil {
		_ = s.table.Close()
	}
}

// keyMark is what only the key that the store's secrets were sealed with can open.
type keyMark struct {
	Sealed string `json:"sealed"`
}

// checkKey refuses a key that is not the store's: brokers that share a store share
// the folder with the key, the packages and the simulated cloud.
func checkKey(ctx context.Context, st *store.Store, key *seal.Key) error {
	const place = "broker/key"
	marks := store.In[keyMark](st, "broker", nil)
	_, err := marks.Upsert(ctx, "key", func(m keyMark, exists bool) (keyMark, error) {
		if !exists {
			return keyMark{key.Seal([]byte("bumpwire"), place)}, nil
		}
		if _, err := key.Open(m.Sealed, place); err != nil {
			return m, fault.New(fault.Conflict, "the store's secrets are sealed with another key: brokers on one store share one data folder")
		}
		return m, store.Unchanged
	})
	return err
}
