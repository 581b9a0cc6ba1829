package provision

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// live says whether the instance has, or is about to have, anything in the cloud.
func (i Instance) live() bool {
	return i.InPlace || i.State == Provisioning
}

// pending are the operations in progress, the instance's own first.
func (i Instance) pending() []Operation {
	var ops []Operation
	if i.Operation.State == InProgress {
		ops = append(ops, i.Operation)
	}
	if i.Failover.State == InProgress {
		ops = append(ops, i.Failover)
	}
	for _, b := range i.Bindings {
		if b.Operation.State == InProgress {
			ops = append(ops, b.Operation)
		}
	}
	return ops
}

// bindingOf is the binding whose latest operation is the given one.
func (i Instance) bindingOf(op work.ChangeID) (*Binding, bool) {
	for _, b := range i.Bindings {
		if b.Operation.ID == op {
			return b, true
		}
	}
	return nil, false
}

// stitches are the networks that the instance is to be stitched into while the
// operation op is carried out: those of its own, those of its bindings that are
// in place, and the one that op adds; without the one that op takes away.
func (i Instance) stitches(op work.ChangeID) []topology.Stitch {
	list := append([]topology.Stitch{}, i.Stitches...)
	for _, st := range i.bound(func(b *Binding) bool { return b.stitched(op) }) {
		list = oneMore(list, st)
	}
	return list
}

// bound are the networks of those bindings that which says, by network.
func (i Instance) bound(which func(*Binding) bool) []topology.Stitch {
	var list []topology.Stitch
	for _, id := range slices.Sorted(maps.Keys(i.Bindings)) {
		if b := i.Bindings[id]; b.Stitch != nil && which(b) {
			list = oneMore(list, *b.Stitch)
		}
	}
	slices.SortFunc(list, func(a, b topology.Stitch) int { return cmp.Compare(a.Network, b.Network) })
	return list
}

// claims says whether a binding holds a pair of legs, in place or on its way.
func (b *Binding) claims() bool { return b.InPlace || b.Operation.State == InProgress }

// oneMore adds a stitch, unless a binding that was rotated holds the same: no two
// others of an instance are of one network.
func oneMore(list []topology.Stitch, st topology.Stitch) []topology.Stitch {
	if slices.ContainsFunc(list, func(o topology.Stitch) bool { return o.Network == st.Network }) {
		return list
	}
	return append(list, st)
}

func (b *Binding) stitched(op work.ChangeID) bool {
	if b.Operation.ID == op {
		return b.State == Provisioning
	}
	return b.InPlace
}

// wanted says whether the instance should be in the fabric while op is carried out.
func (i Instance) wanted(op work.ChangeID) bool {
	switch {
	case i.Operation.ID != op:
		return i.InPlace
	case i.State == Deprovisioning:
		return false
	}
	return true
}

// claimed are all stitches that hold a pair of legs, in place or on their way.
func (i Instance) claimed() []topology.Stitch {
	list := append([]topology.Stitch{}, i.Stitches...)
	if i.Update != nil {
		for _, st := range i.Update.Will.Stitches {
			list = oneMore(list, st)
		}
	}
	for _, st := range i.bound((*Binding).claims) {
		list = oneMore(list, st)
	}
	return list
}

// note appends to the history. Times never run backwards, even if the clock does:
// billing takes the intervals between events.
func (i *Instance) note(by, message string, binding BindingID) {
	at := time.Now().UTC()
	if n := len(i.History); n > 0 && at.Before(i.History[n-1].At) {
		at = i.History[n-1].At
	}
	i.History = append(i.History, Event{
		Seq: len(i.History) + 1, At: at, State: i.State, Plan: i.Plan, Health: i.Health.Status,
		Message: message, Binding: binding, By: by,
		Tenant: i.Tenant, Region: i.Region, Platform: i.Platform, Service: i.Service,
		VCPUs: i.Size.VCPUs, MemoryBytes: i.Size.MemoryBytes,
	})
	e := &i.History[len(i.History)-1]
	if i.provided() {
		e.Bill = i.Provider.Bill
	}
	if n := i.members(); n > 1 {
		e.Members, e.Standby = n, i.standingBy()
	}
	for _, b := range i.Bindings {
		if b.State == Active {
			e.Bound++
		}
	}
}

// standingBy is how many appliances are there to take over, and answer.
func (i Instance) standingBy() (count int) {
	for n := range i.members() {
		if i.StandsBy(n) && !i.down(n) {
			count++
		}
	}
	return count
}

// attribute says on whose behalf the latest event was.
func (i *Instance) attribute(o Origin) {
	e := &i.History[len(i.History)-1]
	e.For, e.Request = o.Identity, o.Request
}

// end finishes an operation in place.
func (o *Operation) end(s OperationState, description string) {
	o.State, o.Description, o.Finished = s, description, time.Now().UTC()
}
