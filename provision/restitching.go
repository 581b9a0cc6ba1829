package provision

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// restitch gives the form the networks and places that are asked for. Networks that
// stay keep their place unless a position is given. One for which a service that is to
// be in all of them has no legs left is Cover's to complain of: it stands in the way of
// no other update.
func (s *Service) restitch(ctx context.Context, i Instance, f *Form, r UpdateRequest) error {
	in, err := place(r.Parameters)
	unpaired := f.Mode == topology.InPath && slices.ContainsFunc(f.Stitches, func(st topology.Stitch) bool { return st.Pair == 0 })
	if err != nil || in.Networks == nil && in.Sides == nil && in.Position == (Position{}) && !unpaired && !i.everywhere() {
		return err
	}
	c, err := s.chooser(ctx, i)
	if err != nil {
		return err
	}
	if in, err = c.everywhere(i, in); err != nil {
		return err
	}
	c.legs, c.redirect = []catalog.Insertion{f.Insertion}, f.Mode == topology.Redirected
	sides := in.each(f.Insertion)
	kept, added := make([][]topology.Stitch, len(sides)), make([][]string, len(sides))
	for n, p := range sides { // first what leaves, so that a network may change sides
		if kept[n], added[n], err = c.sorted(p, *f); err != nil {
			return err
		}
	}
	stitches, bound := []topology.Stitch{}, []topology.Stitch(nil)
	for n, p := range sides {
		for len(added[n]) > 0 && i.everywhere() && !r.covers() && !c.roomFor(len(added[n])) {
			added[n] = added[n][:len(added[n])-1]
		}
		next, err := c.restitch(p, kept[n], added[n])
		if err != nil {
			return err
		}
		stitches = append(stitches, next...)
		also, err := c.move(on(p.side, f.Bound), p.Position)
		if err != nil {
			return err
		}
		bound = append(bound, also...)
	}
	if len(stitches) > 0 || f.Stitches != nil {
		f.Stitches = stitches
	}
	f.Bound = bound
	return nil
}

// restitch gives a side its places.
func (c *chooser) restitch(p sided, kept []topology.Stitch, added []string) ([]topology.Stitch, error) {
	kept, err := c.move(kept, p.Position)
	if err != nil {
		return nil, err
	}
	for _, name := range added {
		st, err := c.stitch(name, p.side, p.Position)
		if err != nil {
			return nil, err
		}
		kept = append(kept, st)
	}
	return p.matched(kept, c.redirect)
}

// sorted are the stitches of a side that stay, and the networks that come to it.
func (c *chooser) sorted(p sided, f Form) (kept []topology.Stitch, added []string, err error) {
	mine := on(p.side, f.Stitches)
	kept = slices.Clone(mine)
	if p.Networks != nil {
		if kept, added, err = c.sort(p.Networks, mine); err != nil {
			return nil, nil, err
		}
	}
	if len(kept)+len(added)+len(on(p.side, f.Bound)) == 0 {
		if err := (Insertion{Position: p.Position}).nowhere(); err != nil {
			return nil, nil, err
		}
	}
	c.keep(kept, mine)
	return kept, added, nil
}

// keep gives up the pairs of the stitches that do not stay, and finds pairs for
// those that have none.
func (c *chooser) keep(kept, all []topology.Stitch) {
	c.taken = slices.DeleteFunc(c.taken, func(st topology.Stitch) bool {
		return slices.Contains(all, st) && !slices.Contains(kept, st)
	})
	for n, st := range kept {
		if pair, ok := c.free(st.Side); ok && st.Pair == 0 {
			kept[n].Pair = pair
			c.taken = append(c.taken, kept[n])
		}
	}
}

// move puts stitches where it is asked for, if it is.
func (c *chooser) move(list []topology.Stitch, to Position) ([]topology.Stitch, error) {
	if to == (Position{}) || c.redirect && to.Before == "" && to.After == "" {
		return list, nil
	}
	moved := slices.Clone(list)
	for n, st := range list {
		var err error
		if moved[n], err = c.place(st, to); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// sort tells the networks that are stitched already from those that are not.
func (c *chooser) sort(networks []string, stitches []topology.Stitch) (kept []topology.Stitch, added []string, err error) {
	wanted := map[topology.NetworkID]bool{}
	for _, name := range networks {
		id, err := c.network(name)
		if err != nil {
			return nil, nil, err
		}
		if wanted[id] {
			return nil, nil, fault.New(fault.Invalid, "network %q is named twice", name)
		}
		wanted[id] = true
		if !slices.ContainsFunc(stitches, func(st topology.Stitch) bool { return st.Network == id }) {
			added = append(added, name)
		}
	}
	for _, st := range stitches {
		if wanted[st.Network] {
			kept = append(kept, st)
		}
	}
	return kept, added, nil
}
