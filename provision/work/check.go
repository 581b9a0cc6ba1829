package work

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Check finds changes and lanes that contradict themselves or each other.
func Check(ctx context.Context, s *store.Store, f *store.Findings) error {
	e := New(s, slog.New(slog.DiscardHandler), Options{})
	lanes := map[Lane]lane{}
	err := e.lanes.Audit(ctx, f, func(id string, l lane) error {
		lanes[l.Lane] = l
		if id != string(l.Lane) {
			f.Add("lanes", id, "it is stored as the lane %q", l.Lane)
		}
		return e.checkQueue(ctx, f, l)
	})
	if err != nil {
		return err
	}
	return e.changes.Audit(ctx, f, func(id string, c Change) error {
		if id != string(c.ID) {
			f.Add("changes", id, "it is stored as the change %q", c.ID)
		}
		if l := lanes[c.Lane]; c.Fence > l.Fence {
			f.Add("changes", id, "it was written under fence %d, and its lane %q has given out %d only", c.Fence, c.Lane, l.Fence)
		}
		for _, wrong := range c.contradictions() {
			f.Add("changes", id, "%s", wrong)
		}
		return nil
	})
}

func (e *Engine) checkQueue(ctx context.Context, f *store.Findings, l lane) error {
	for n, id := range l.Queue {
		if slices.Contains(l.Queue[:n], id) {
			f.Add("lanes", string(l.Lane), "the change %q is in its queue twice", id)
		}
		c, err := e.changes.Get(ctx, string(id))
		switch {
		case errors.Is(err, fault.NotFound):
			f.Add("lanes", string(l.Lane), "the change %q in its queue does not exist", id)
		case err != nil:
			return err
		case c.Lane != l.Lane:
			f.Add("lanes", string(l.Lane), "the change %q in its queue is of the lane %q", id, c.Lane)
		}
	}
	return nil
}

// contradictions are what cannot be true of a change at the same time.
func (c Change) contradictions() (list []string) {
	if c.Ended() != !c.Finished.IsZero() {
		list = append(list, "it is "+string(c.Status)+", and has an end or none against that")
	}
	for _, t := range c.Tasks {
		switch {
		case c.Status == Done && t.Status != TaskDone:
			list = append(list, "it is done, and its task \""+t.Summary+"\" is "+string(t.Status))
		case c.Status == Undone && (t.Status == TaskDone || t.Status == TaskDoing || t.Status == TaskUndoing):
			list = append(list, "it is undone, and its task \""+t.Summary+"\" is "+string(t.Status))
		}
	}
	return list
}
