package ovf

// PlacementGroup is one PlacementGroupSection (2.x): virtual systems that are
// placed with regard to each other.
type PlacementGroup struct {
	ID          string
	Policy      PlacementPolicy
	Description string
}

// PlacementPolicy says what members of a group want of each other.
type PlacementPolicy string

// The policies of DSP0243 2.x: close together, or apart so that one failure
// does not take all.
const (
	PlaceTogether PlacementPolicy = "affinity"
	PlaceApart    PlacementPolicy = "availability"
)

func (r *reader) placementGroup(n node) {
	g := PlacementGroup{ID: r.need(n, "id")}
	policy, _ := r.attr(n, "policy")
	switch g.Policy = PlacementPolicy(policy); g.Policy {
	case PlaceTogether, PlaceApart:
	default:
		r.err(n.place(), CodeValue, "policy is %q; it must be affinity or availability", printable(policy, 40))
	}
	r.parts(n, func(part node) bool {
		if part.is("Description") {
			g.Description = r.text(part)
			return true
		}
		return false
	})
	if _, twice := r.groups[g.ID]; twice {
		r.err(n.place(), CodeDuplicateID, "placement group %q stands twice", printable(g.ID, 60))
		return
	}
	r.groups[g.ID] = true
	r.pkg.PlacementGroups = append(r.pkg.PlacementGroups, g)
}

// membership is what may stand once.
type membership struct {
	content *Content
	group   string
}

// placement reads a membership. The groups stand in the Envelope and have been
// read before.
func (r *reader) placement(c *Content, n node) {
	r.parts(n, func(node) bool { return false })
	group := r.need(n, "group")
	switch {
	case group == "":
	case !r.groups[group]:
		r.err(n.place(), CodeUnknownGroup, "placement group %q has no PlacementGroupSection", printable(group, 60))
	case r.members[membership{c, group}]:
		r.err(n.place(), CodeDuplicateID, "placement group %q is named twice", printable(group, 60))
	default:
		c.Placement = append(c.Placement, group)
	}
	r.members[membership{c, group}] = true
}
