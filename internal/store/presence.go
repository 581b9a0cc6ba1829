package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Of a process that does not say so itself, others believe for presenceLasts that it
// works on the store; it says so again every presenceEvery.
const (
	presenceLasts = 15 * time.Second
	presenceEvery = 5 * time.Second

	presences = "presence"
)

// Visitor is a process that works on a store.
type Visitor struct {
	Name  string    `json:"name"`  // for people: what it is, where
	Alone bool      `json:"alone"` // it bears nobody beside it
	Since time.Time `json:"since"`
	Until time.Time `json:"until"` // when it is forgotten unless it has said so again
}

// Presence is a visitor's place in the store. Places are leases: one that its
// process left behind in dying is forgotten by itself.
type Presence struct {
	visitors Collection[Visitor]
	id       string
	me       Visitor
}

// Enter takes a place in a store. fault.Conflict when somebody is there and either
// wants to be alone.
func Enter(ctx context.Context, s *Store, name string, alone bool) (*Presence, error) {
	now := time.Now().UTC()
	p := &Presence{In[Visitor](s, presences, nil), rand.Text(), Visitor{Name: name, Alone: alone, Since: now, Until: now.Add(presenceLasts)}}
	if err := p.visitors.Create(ctx, p.id, p.me); err != nil {
		return nil, err
	}
	// Of two who enter at once each sees the other, or at least one of them.
	if err := p.bear(ctx); err != nil {
		return nil, errors.Join(err, p.Leave(ctx))
	}
	return p, nil
}

// bear looks for somebody with whom the visitor cannot be there, and tidies away
// who is gone.
func (p *Presence) bear(ctx context.Context) error {
	docs, err := p.visitors.driver.Scan(ctx, presences, Query{})
	if err != nil {
		return err
	}
	for _, d := range docs {
		v, err := p.visitors.decode(d)
		switch {
		case err != nil:
			return err
		case d.ID == p.id:
		case !v.Until.After(time.Now()):
			if err := p.visitors.Delete(ctx, d.ID); err != nil {
				return err
			}
		case v.Alone || p.me.Alone:
			return fault.New(fault.Conflict, "%s works on the store since %s: stop it first; one that was killed is forgotten after %v",
				v.Name, v.Since.Format(time.RFC3339), presenceLasts)
		}
	}
	return nil
}

// Run keeps the place until ctx ends, and then leaves it. It fails when the place
// was lost, for instance because the process was paused, and somebody else has come
// who must be alone. A store that does not answer is no reason to fail.
func (p *Presence) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			// The store may be gone; then the place goes by itself.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), presenceEvery)
			defer cancel()
			_ = p.Leave(last)
			return nil
		case <-time.After(presenceEvery):
		}
		err := p.renew(ctx)
		if errors.Is(err, fault.Conflict) {
			return fmt.Errorf("cannot go on working on the store: %w", err)
		}
	}
}

func (p *Presence) renew(ctx context.Context) error {
	lost := false
	_, err := p.visitors.Upsert(ctx, p.id, func(v Visitor, exists bool) (Visitor, error) {
		lost = !exists || !v.Until.After(time.Now())
		v = p.me
		v.Until = time.Now().UTC().Add(presenceLasts)
		return v, nil
	})
	if err != nil || !lost {
		return err
	}
	return p.bear(ctx)
}

// Leave gives the place up.
func (p *Presence) Leave(ctx context.Context) error { return p.visitors.Delete(ctx, p.id) }
