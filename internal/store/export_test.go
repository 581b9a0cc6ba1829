package store

import (
	"context"
	"time"
)

// Step is a migration that only tests have.
type Step struct {
	Name string
	Run  func(context.Context, *Store) error
}

// Lift opens a store as a program does whose migrations are these, to level 2 and on.
func Lift(ctx context.Context, d Driver, lasts time.Duration, steps ...Step) error {
	var list []migration
	for n, s := range steps {
		list = append(list, migration{firstLevel + n + 1, s.Name, s.Run})
	}
	return New(d).lift(ctx, list, lasts)
}
