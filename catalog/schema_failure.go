package catalog

import (
	"cmp"
	"slices"
	"strings"
)

// The parameter keys about an appliance that fails: what becomes of the traffic, and
// what is done about the appliance. The first is a binding's, too.
const (
	KeyFailure      = "failure"
	KeyAvailability = "availability"
)

// The failure policies and the availability modes, as packages and parameters spell
// them.
const (
	FailClosed = "closed" // traffic stops with the service
	FailOpen   = "open"   // traffic gets past the service

	AvailabilityNone    = "none"
	AvailabilityRespin  = "respin"  // its appliance is booted anew
	AvailabilityStandby = "standby" // a second one is there to take over
)

// FailurePolicy is what becomes of traffic unless a tenant chooses otherwise.
func (in Insertion) FailurePolicy() string { return cmp.Or(in.Failure, FailClosed) }

// Availabilities are the modes to choose from, the one first that an instance has
// unless its tenant chooses: none where that is offered, else as the package lists
// them. Clusters are no choice here: they have members. Nor is a standby of a symmetric
// service, whose second appliance is the other side.
func (in Insertion) Availabilities() []string {
	modes := slices.DeleteFunc(slices.Clone(in.HA), func(m string) bool {
		return strings.HasPrefix(m, "cluster:") || m == AvailabilityStandby && in.Symmetric()
	})
	if n := slices.Index(modes, AvailabilityNone); n >= 0 || len(modes) == 0 {
		modes = slices.Concat([]string{AvailabilityNone}, slices.DeleteFunc(modes, func(m string) bool { return m == AvailabilityNone }))
	}
	return modes
}

// addFailure adds what may be said about an appliance that fails.
func (in Insertion) addFailure(properties map[string]any) {
	properties[KeyFailure] = failureSchema("When the service fails, traffic stops (closed), or gets past it and passes the others (open)")
	properties[KeyFailure].(map[string]any)["default"] = in.FailurePolicy()
	modes := in.Availabilities()
	if len(modes) < 2 {
		return
	}
	var choices []any
	for _, m := range modes {
		choices = append(choices, m)
	}
	description := "What is done about an appliance that fails: nothing, it is booted anew (respin), or a second one takes over (standby)"
	if in.Symmetric() {
		description = "What is done about an appliance that fails: nothing, or it is booted anew (respin)"
	}
	properties[KeyAvailability] = map[string]any{
		"type": "string", "enum": choices, "default": modes[0], "description": description,
	}
}

func failureSchema(description string) map[string]any {
	return map[string]any{"type": "string", "title": "Failure policy", "enum": []any{FailClosed, FailOpen}, "description": description}
}
