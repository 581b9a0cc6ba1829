package ovf

// InspectionRange is how far a quantity may go; a zero side is not said.
type InspectionRange struct {
	Min int64 `json:"min,omitempty"`
	Max int64 `json:"max,omitempty"`
}

// InspectionStartup is one Startup; delays are in seconds.
type InspectionStartup struct {
	System          string `json:"system"` // or a collection
	Order           int    `json:"order"`
	StartDelay      int    `json:"start_delay"`
	StopDelay       int    `json:"stop_delay"`
	WaitingForGuest bool   `json:"waiting_for_guest"`
	StartAction     string `json:"start_action"`
	StopAction      string `json:"stop_action"`
}

// InspectionScaleOut is one ScaleOut; maximum 0: no upper bound.
type InspectionScaleOut struct {
	System  string `json:"system"` // or a collection
	Minimum int    `json:"minimum"`
	Default int    `json:"default"`
	Maximum int    `json:"maximum"`
}

// InspectionPlacement is one PlacementGroup with its members.
type InspectionPlacement struct {
	Group   string          `json:"group"`
	Policy  PlacementPolicy `json:"policy"`
	Members []string        `json:"members"` // systems and collections
}

// inspectStructure is how the systems belong together. Lists are never null.
func (p *Package) inspectStructure() ([]InspectionStartup, []InspectionScaleOut, []InspectionPlacement) {
	startup, scaleOut, placement := []InspectionStartup{}, []InspectionScaleOut{}, []InspectionPlacement{}
	for _, g := range p.PlacementGroups {
		placement = append(placement, InspectionPlacement{g.ID, g.Policy, []string{}})
	}
	for c := range p.Contents() {
		for _, s := range c.Startup {
			startup = append(startup, InspectionStartup{s.ID, s.Order, s.StartDelay, s.StopDelay, s.WaitingForGuest, s.StartAction, s.StopAction})
		}
		for _, s := range c.ScaleOut {
			scaleOut = append(scaleOut, InspectionScaleOut{s.ID, s.Minimum, s.Default, s.Maximum})
		}
		for n := range placement {
			if contains(c.Placement, placement[n].Group) {
				placement[n].Members = append(placement[n].Members, c.ID)
			}
		}
	}
	return startup, scaleOut, placement
}
