package catalog

import (
	"fmt"

	"github.com/bumpwire/bumpwire/ovf"
)

// Range is how far a quantity may go from the plan's; a zero side is not said.
// Tenants do not choose within it: a plan has one price for one size.
type Range struct {
	Min int64 `json:"min,omitempty"`
	Max int64 `json:"max,omitempty"`
}

// System is one virtual system of a plan.
type System struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	VCPUs       int      `json:"vcpus"`
	VCPURange   Range    `json:"vcpu_range,omitzero"`
	MemoryBytes int64    `json:"memory_bytes"`
	MemoryRange Range    `json:"memory_range,omitzero"` // bytes
	DiskBytes   int64    `json:"disk_bytes,omitempty"`  // of all disks but those whose size is a parameter
	Networks    []string `json:"networks"`              // of the NICs, in their order
	Firmware    string   `json:"firmware,omitempty"`    // efi or bios, where the package says so
	SecureBoot  bool     `json:"secure_boot,omitempty"`
	Environment string   `json:"environment"` // how it gets its settings: see ovf.Delivery
}

// Network is a network that the package wants for its systems.
type Network struct {
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// Startup is when one of several systems is brought up and down.
type Startup struct {
	System          string `json:"system"` // or a collection of systems
	Order           int    `json:"order"`  // equal: together; 0: at any time
	StartDelay      int    `json:"start_delay,omitempty"`
	StopDelay       int    `json:"stop_delay,omitempty"` // seconds, both
	WaitingForGuest bool   `json:"waiting_for_guest,omitempty"`
	StartAction     string `json:"start_action"` // powerOn or none
	StopAction      string `json:"stop_action"`  // powerOff, guestShutdown or none
}

// ScaleOut is how many copies of a system there may be.
type ScaleOut struct {
	System      string `json:"system"` // or a collection of systems
	Description string `json:"description,omitempty"`
	Minimum     int    `json:"minimum"`
	Default     int    `json:"default"`
	Maximum     int    `json:"maximum"` // maxCopies where the package has no bound
}

// maxCopies bounds what a package leaves open, or sets higher.
const maxCopies = 64

// Placement is what systems want of each other's place.
type Placement struct {
	Group       string   `json:"group"`
	Policy      string   `json:"policy"` // affinity: near each other; availability: apart
	Description string   `json:"description,omitempty"`
	Members     []string `json:"members"` // systems and collections
}

// Structure is how the systems of a package belong together, and what they want
// around them.
type Structure struct {
	Networks  []Network   `json:"networks,omitempty"`
	Startup   []Startup   `json:"startup,omitempty"`
	ScaleOut  []ScaleOut  `json:"scale_out,omitempty"`
	Placement []Placement `json:"placement,omitempty"`
}

func structureOf(pkg *ovf.Package) Structure {
	var s Structure
	for _, n := range pkg.Networks {
		s.Networks = append(s.Networks, Network{Name: oneLine(n.Name), Description: oneLine(n.Description)})
	}
	for _, g := range pkg.PlacementGroups {
		s.Placement = append(s.Placement, Placement{Group: g.ID, Policy: string(g.Policy), Description: oneLine(g.Description), Members: []string{}})
	}
	for c := range pkg.Contents() {
		s.add(c)
	}
	return s
}

func (s *Structure) add(c *ovf.Content) {
	for _, item := range c.Startup {
		s.Startup = append(s.Startup, Startup{
			System: item.ID, Order: item.Order, StartDelay: item.StartDelay, StopDelay: item.StopDelay,
			WaitingForGuest: item.WaitingForGuest, StartAction: item.StartAction, StopAction: item.StopAction,
		})
	}
	for _, o := range c.ScaleOut {
		bound := o.Maximum
		if bound == 0 || bound > maxCopies {
			bound = maxCopies
		}
		s.ScaleOut = append(s.ScaleOut, ScaleOut{System: o.ID, Description: oneLine(o.Description), Minimum: o.Minimum, Default: o.Default, Maximum: bound})
	}
	for n := range s.Placement {
		for _, group := range c.Placement {
			if s.Placement[n].Group == group {
				s.Placement[n].Members = append(s.Placement[n].Members, c.ID)
			}
		}
	}
}

// several are what of the structure needs more systems than one.
func (s Structure) several() []string {
	var list []string
	for _, o := range s.ScaleOut {
		switch {
		case o.Default > maxCopies:
			list = append(list, fmt.Sprintf("system %q has %d copies; there may be %d", oneLine(o.System), o.Default, maxCopies))
		case o.Minimum != 1 || o.Maximum != 1:
			list = append(list, fmt.Sprintf("system %q has %d to %d copies; a service is made of one system", oneLine(o.System), o.Minimum, o.Maximum))
		}
	}
	return list
}

func systemsOf(plan ovf.Plan) []System {
	list := []System{}
	for _, s := range plan.Systems {
		out := System{
			ID: s.ID, Name: oneLine(s.Name), VCPUs: int(s.VCPUs), VCPURange: Range(s.CPURange),
			MemoryBytes: s.MemoryBytes, MemoryRange: Range(s.MemoryRange), Networks: []string{},
			Firmware: s.Firmware, SecureBoot: s.SecureBoot, Environment: string(s.Environment),
		}
		for _, d := range s.Disks {
			out.DiskBytes += d.CapacityBytes
		}
		for _, n := range s.NICs {
			out.Networks = append(out.Networks, oneLine(n.Network))
		}
		list = append(list, out)
	}
	return list
}
