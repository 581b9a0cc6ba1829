package topology

import (
	"strings"
	"unicode/utf8"
)

// Scene is a fabric with what is known of it besides, for drawings.
type Scene struct {
	Fabric
	Title string `json:"title,omitempty"` // empty: whose topology it is

	Hosts  map[NetworkID][]string `json:"hosts,omitempty"`  // names, where the cloud knows them
	States map[ApplianceID]State  `json:"states,omitempty"` // how appliances are, where somebody watches them
}

// State is how an appliance is.
type State struct {
	Health Health `json:"health,omitempty"`
	Detail string `json:"detail,omitempty"` // of a failing one
	Past   bool   `json:"past,omitempty"`   // traffic gets past it for now

	Standby bool `json:"standby,omitempty"` // takes over when another one fails
}

// Health is a verdict on an appliance.
type Health string

const (
	Healthy Health = "ok"
	Failing Health = "failing"
)

func (s Scene) title() string {
	if s.Title != "" {
		return printable(s.Title)
	}
	return "Topology of tenant " + label(string(s.Tenant), s.Tenant)
}

// longest is how much of a name fits into a picture.
const longest = 32

// short is a name as it stands in a picture.
func short(name string) string {
	name = printable(name)
	if utf8.RuneCountInString(name) <= longest {
		return name
	}
	return string([]rune(name)[:longest-1]) + "…"
}

// remarks are what people should know of an appliance, the worst first.
func (s Scene) remarks(a *Appliance) []string {
	var list []string
	switch {
	case !a.Booted:
		list = append(list, "off")
	case s.States[a.ID].Health == Failing:
		list = append(list, "failing")
	}
	if s.States[a.ID].Past {
		list = append(list, "bypassed")
	}
	return list
}

// words says how an appliance does, for the second line of its box.
func (s Scene) words(a *Appliance) string {
	list := s.remarks(a)
	if a.Booted && s.States[a.ID].Health == Healthy {
		list = append(list, "healthy")
	}
	if s.States[a.ID].Standby {
		list = append(list, "standby")
	}
	if a.Provider {
		list = append(list, "provider's")
	}
	return strings.Join(list, ", ")
}
