package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Resilience is what is to happen when an appliance fails: with the traffic, and with
// the appliance. What is empty is as the package says; a binding's network may have
// a policy of its own.
type Resilience struct {
	Failure      topology.FailurePolicy `json:"failure,omitempty"`
	Availability string                 `json:"availability,omitempty"`
}

// asked is what it becomes with checked parameters: what they leave out stays. A mode
// that another version of the package does not offer gives way to one that it does.
func (r Resilience) asked(mode topology.Mode, in catalog.Insertion, parameters json.RawMessage) (Resilience, error) {
	p, err := resilienceIn(in, parameters)
	if err != nil {
		return r, err
	}
	if in.Symmetric() && p.Availability == catalog.AvailabilityStandby {
		return r, fault.New(fault.Invalid, "parameters: availability %q is not for symmetric services; in mode %q ask for members", p.Availability, catalog.ModeRedirect)
	}
	if mode == topology.Redirected && p.Availability == catalog.AvailabilityStandby {
		return r, fault.New(fault.Invalid, "parameters: availability %q is for mode %q; in mode %q ask for members", p.Availability, catalog.ModeInPath, catalog.ModeRedirect)
	}
	next := Resilience{Failure: cmp.Or(p.Failure, r.Failure), Availability: cmp.Or(p.Availability, r.Availability)}
	if offered := availabilities(mode, in); next.Availability != "" && !slices.Contains(offered, next.Availability) {
		next.Availability = offered[0]
	}
	return next, nil
}

// resilienceIn reads the reserved keys about it.
func resilienceIn(in catalog.Insertion, parameters json.RawMessage) (Resilience, error) {
	var p struct {
		Failure      topology.FailurePolicy `json:"failure"`
		Availability any                    `json:"availability"` // may be a property of the package's
	}
	if len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &p); err != nil {
			return Resilience{}, fault.New(fault.Invalid, "parameters: %s", jsonProblem(err))
		}
	}
	r := Resilience{Failure: p.Failure}
	if in.Reserved(catalog.KeyAvailability) {
		r.Availability, _ = p.Availability.(string) // the schema says that it is one
	}
	return r, nil
}

// availabilities are those to choose from; never none.
func availabilities(mode topology.Mode, in catalog.Insertion) []string {
	modes := in.Availabilities()
	if mode == topology.Redirected {
		modes = slices.DeleteFunc(modes, func(m string) bool { return m == catalog.AvailabilityStandby })
	}
	if len(modes) == 0 {
		return []string{catalog.AvailabilityNone}
	}
	return modes
}

// fixed is with the package's words filled in, so that they stay the instance's
// whatever a later version says.
func (r Resilience) fixed(mode topology.Mode, in catalog.Insertion) Resilience {
	r.Failure = cmp.Or(r.Failure, topology.FailurePolicy(in.FailurePolicy()))
	r.Availability = cmp.Or(r.Availability, availabilities(mode, in)[0])
	return r
}

// Describe adds it to an instance's parameters.
func (r Resilience) Describe(in catalog.Insertion, values map[string]any) {
	values[catalog.KeyFailure] = cmp.Or(string(r.Failure), in.FailurePolicy())
	if in.Reserved(catalog.KeyAvailability) {
		values[catalog.KeyAvailability] = cmp.Or(r.Availability, in.Availabilities()[0])
	}
}

// Policy is what becomes of the traffic of one of the instance's networks when the
// service fails.
func (i Instance) Policy(st topology.Stitch) topology.FailurePolicy {
	return cmp.Or(st.Failure, i.Failure, topology.FailurePolicy(i.Insertion.FailurePolicy()))
}

// opens says whether any traffic may get past the service.
func (i Instance) opens() bool {
	return slices.ContainsFunc(i.claimed(), func(st topology.Stitch) bool { return i.Policy(st) == topology.FailOpen })
}

// respawns says whether appliances that fail are booted anew.
func (i Instance) respawns() bool {
	return i.Availability == catalog.AvailabilityRespin || i.Availability == catalog.AvailabilityStandby
}

// policyOf is the policy that a binding's parameters hold for its network; empty for
// the instance's own.
func policyOf(in catalog.Insertion, parameters json.RawMessage, network string) (topology.FailurePolicy, error) {
	r, err := resilienceIn(in, parameters)
	if err == nil && r.Failure != "" && network == "" {
		err = fault.New(fault.Invalid, "parameters: failure is about a network, and none is named")
	}
	return r.Failure, err
}

// staff gives a service its appliances: which of them get traffic, which start of
// each there is to be, and on which networks traffic gets past them all.
func (i Instance) staff(t *topology.Service) {
	for n := range t.Stitches {
		t.Stitches[n].Bypassed = i.bypasses(t.Stitches[n])
	}
	t.Management, t.Replicas = netip.Prefix{}, nil
	for n, address := range i.Appliances() {
		if i.sideOf(n) != t.Side {
			continue
		}
		t.Replicas = append(t.Replicas, topology.Replica{Number: i.replica(n), Management: address, Idle: i.idle(n), Start: i.Starts.of(n)})
	}
}

// leftAlone chooses the appliances that are known to be dead, of instances that op is
// not about: to mend them is their own changes' business, and nobody else's is to wait
// for one that does not come up.
func (s *Service) leftAlone(ctx context.Context, p Place, have topology.Fabric, op work.ChangeID) (func(topology.Appliance) bool, error) {
	known := map[topology.ApplianceID]bool{}
	dead := func(a topology.Appliance) bool { return !a.Booted }
	if !slices.ContainsFunc(have.Appliances, dead) {
		return func(topology.Appliance) bool { return false }, nil
	}
	for i, err := range s.living(ctx, p) {
		if err != nil {
			return nil, err
		}
		for _, n := range i.Idle {
			known[i.appliance(n)] = !i.concerns(op)
		}
	}
	return func(a topology.Appliance) bool { return dead(a) && known[a.ID] }, nil
}

// concerns says whether a change is about the instance or one of its bindings.
func (i Instance) concerns(op work.ChangeID) bool {
	_, bound := i.bindingOf(op)
	return bound || i.Operation.ID == op || i.Update != nil && i.Update.Change == op
}
