package provision

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Form is all of an instance that an update can change. The fields are those of
// the Instance.
type Form struct {
	Name          string            `json:"name"`
	Context       json.RawMessage   `json:"context,omitempty"`
	Digest        string            `json:"digest"`
	Plan          catalog.PlanID    `json:"plan"`
	Package       catalog.PackageID `json:"package"`
	Configuration string            `json:"configuration"`
	Insertion     catalog.Insertion `json:"insertion"`
	EULAs         []Acceptance      `json:"eulas,omitempty"`
	Size          Size              `json:"size,omitzero"`
	Values        map[string]string `json:"values,omitempty"`
	Secrets       map[string]string `json:"secrets,omitempty"`
	Stitches      []topology.Stitch `json:"stitches,omitempty"`
	Bound         []topology.Stitch `json:"bound,omitempty"` // of bindings; an update changes their places only
	Management    netip.Prefix      `json:"management,omitzero"`
	Others        []netip.Prefix    `json:"others,omitempty"`
	Generation    int               `json:"generation,omitempty"`
	Steering
	Upkeep Upkeep `json:"upkeep,omitzero"` // of the generation's appliances
}

// Update is what an instance is becoming. It is taken over when traffic passes
// what the update has made, and is kept until its change has ended.
type Update struct {
	Change work.ChangeID `json:"change"`
	Asked  string        `json:"asked"` // digest of the request, to tell a repetition from another update
	By     string        `json:"by,omitempty"`
	Was    Form          `json:"was"`
	Will   Form          `json:"will"`
	Taken  bool          `json:"taken,omitempty"` // the instance has the form that it will have

	// What the instance holds of its quotas before and after; while the update
	// runs, the larger of the two.
	Held holding `json:"held"`
	Hold holding `json:"hold"`
}

func (i Instance) form() Form {
	return Form{
		Name: i.Name, Context: i.Context, Digest: i.Digest,
		Plan: i.Plan, Package: i.Package, Configuration: i.Configuration, Insertion: i.Insertion, EULAs: i.EULAs, Size: i.Size,
		Values: i.Values, Secrets: i.Secrets,
		Stitches: i.Stitches, Bound: i.bound((*Binding).claims),
		Management: i.Management, Others: i.Others, Generation: i.Generation,
		Steering: i.Steering, Upkeep: i.Upkeep,
	}
}

func (i *Instance) take(f Form) {
	i.Name, i.Context, i.Digest = f.Name, f.Context, f.Digest
	i.Plan, i.Package, i.Configuration, i.Insertion, i.EULAs, i.Size = f.Plan, f.Package, f.Configuration, f.Insertion, f.EULAs, f.Size
	i.Values, i.Secrets = f.Values, f.Secrets
	i.Stitches, i.Management, i.Others, i.Generation = f.Stitches, f.Management, f.Others, f.Generation
	i.Steering, i.Upkeep = f.Steering, f.Upkeep
	i.rebind(f.Bound)
}

// rebind gives bindings' networks the places that they have in list.
func (i *Instance) rebind(list []topology.Stitch) {
	i.Bindings = maps.Clone(i.Bindings)
	for id, b := range i.Bindings {
		if b.Stitch == nil {
			continue
		}
		for _, st := range list {
			if st.Network == b.Stitch.Network {
				moved, to := *b, *b.Stitch
				to.Rank, to.Fine = st.Rank, st.Fine
				moved.Stitch = &to
				i.Bindings[id] = &moved
			}
		}
	}
}

// machine is what an appliance of the form is made from; another one is another
// appliance.
func (f Form) machine() string {
	return digest(f.Plan, f.Package, f.Configuration, f.Insertion, f.Mode, orEmpty(f.Values), orEmpty(f.Secrets))
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// sameNetworks says whether both want the same traffic.
func (f Form) sameNetworks(other Form) bool {
	return slices.Equal(f.Stitches, other.Stitches) && slices.Equal(f.Bound, other.Bound) && digest(f.Steering) == digest(other.Steering)
}

// through are the networks whose traffic passes.
func (f Form) through() string {
	var list []topology.NetworkID
	for _, st := range slices.Concat(f.Stitches, f.Bound) {
		list = append(list, st.Network)
	}
	slices.Sort(list)
	return digest(list)
}

// as is the instance as it is to be while op is carried out.
func (i Instance) as(op work.ChangeID) Instance {
	if i.Update != nil && i.Update.Change == op {
		i.take(i.Update.Will)
	}
	return i
}

// owner is the instance in the form that one of its appliances is made from, and
// which of its members that is. During an update it has two forms.
func (i Instance) owner(a topology.ApplianceID) (Instance, int, error) {
	for _, f := range i.forms() {
		for n := range f.members() {
			if was := i.having(f); was.appliance(n) == a {
				return was, n, nil
			}
		}
	}
	return i, 0, fault.New(fault.Conflict, "instance %q has no appliance %q any more", i.ID, a)
}

// having is the instance in another form.
func (i Instance) having(f Form) Instance {
	i.take(f)
	return i
}

// GoesBy says whether a platform may name this plan when it speaks of the
// instance: the one that it has, or is being given.
func (i Instance) GoesBy(plan catalog.PlanID) bool {
	return i.Plan == plan || i.Update != nil && (i.Update.Will.Plan == plan || i.Update.Was.Plan == plan)
}

// wentBy is GoesBy for what is to be removed: also a plan that it has had, since a
// platform that lost sight of an update goes on naming the old one.
func (i Instance) wentBy(plan catalog.PlanID) bool {
	return i.GoesBy(plan) || slices.ContainsFunc(i.History, func(e Event) bool { return e.Plan == plan && e.Service == i.Service })
}
