package provision

import (
	"slices"
	"strings"
	"time"
)

// Forget takes out of an instance what names people and is older than a moment, and says whether there was any: of events and
// acceptances who asked, as far as that is more than a platform or a kind of user, on whose behalf, and why; of an instance that was
// deleted by then its name, whose place its id takes, the platform's context, and what its bindings were asked for with. Nothing that
// is billed rests on any of it.
func (i *Instance) Forget(before time.Time) (any bool) {
	i.History = slices.Clone(i.History)
	for n := range i.History {
		if e := &i.History[n]; e.At.Before(before) {
			any = forget(&e.By, &e.For) || e.Reason != "" || any
			e.Reason = ""
		}
	}
	i.EULAs = slices.Clone(i.EULAs)
	for n := range i.EULAs {
		if a := &i.EULAs[n]; a.At.Before(before) {
			any = forget(&a.By, &a.For) || any
		}
	}
	if n := len(i.History); i.State != Deleted || n == 0 || !i.History[n-1].At.Before(before) {
		return any
	}
	any = any || i.Name != string(i.ID) || len(i.Context) > 0
	i.Name, i.Context = string(i.ID), nil
	for id, b := range i.Bindings {
		if b != nil && len(b.Parameters) > 0 {
			bare := *b
			bare.Parameters, any = nil, true
			i.Bindings[id] = &bare
		}
	}
	return any
}

// forget leaves of who asked the platform, or the kind of user: see Event.
func forget(by, behalf *string) (any bool) {
	kind, _, user := strings.Cut(*by, "/")
	any = user || *behalf != ""
	*by, *behalf = kind, ""
	return any
}
