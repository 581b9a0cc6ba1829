package cloud

import "github.com/bumpwire/bumpwire/internal/fault"

// Verdict says how something is that a driver needs of its cloud.
type Verdict string

// The verdicts.
const (
	Met     Verdict = "ok"
	Limited Verdict = "limited" // the driver works, and there is something that it cannot do
	Missing Verdict = "missing" // the driver does not work, or a typical plan fails
	Unknown Verdict = "unknown" // it could not be found out
)

// Finding is one thing that a driver needs of its cloud, and how it is.
type Finding struct {
	Region  string     `json:"region,omitempty"` // where the broker has several
	Area    string     `json:"area"`             // what it is about: "network"
	Need    string     `json:"need"`             // "extension port-security"
	Verdict Verdict    `json:"verdict"`
	Found   string     `json:"found"`            // what there is, or what is wrong
	Remedy  string     `json:"remedy,omitempty"` // what an operator can do about it; empty when all is well
	Kind    fault.Kind `json:"kind,omitempty"`   // how the driver fails without it; only of what is missing
}
