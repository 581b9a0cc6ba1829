package topology

import "slices"

// Overlook returns have with appliances taken for running as they are wanted,
// though they do not run or were started otherwise. So a plan from there mends none
// of them: one change gets traffic past a service at once, whatever else is broken,
// and no other change waits for one that is known not to come up.
//
// What of an appliance is missing altogether is not overlooked.
func Overlook(have, want Fabric, which func(Appliance) bool) Fabric {
	have = clone(have)
	for i := range have.Appliances {
		a := &have.Appliances[i]
		at := slices.IndexFunc(want.Appliances, func(w Appliance) bool { return w.ID == a.ID })
		if at >= 0 && len(a.Legs) == len(want.Appliances[at].Legs) && which(*a) {
			a.Booted, a.Start = true, want.Appliances[at].Start
		}
	}
	return Settle(have)
}

// Wrecked returns overlooked with appliances of have that do not run in the start
// that is wanted taken for running in none that is: a plan from there shuts them down,
// remains and all, and boots them anew.
func Wrecked(overlooked, have, want Fabric, which func(Appliance) bool) Fabric {
	overlooked = clone(overlooked)
	for i := range overlooked.Appliances {
		a := &overlooked.Appliances[i]
		is, will := have.appliance(a.ID), want.appliance(a.ID)
		if is != nil && will != nil && which(*a) && (!is.Booted || is.Start != will.Start) {
			a.Booted, a.Start = true, noStart
		}
	}
	return Settle(overlooked)
}

// noStart is a start that no machine is of.
const noStart = -1
