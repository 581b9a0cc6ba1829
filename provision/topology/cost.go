package topology

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Size is what one appliance takes.
type Size struct {
	VCPUs       int   `json:"vcpus,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
}

// Cost is what a plan takes, and what there is more of after it.
type Cost struct {
	Tally

	// Of appliances that run: how many boot, and how many more there are after it;
	// less than none, when it is fewer. Peak is the most there is in between.
	Boots       int   `json:"boots"`
	Machines    int   `json:"machines"`
	VCPUs       int   `json:"vcpus"`
	MemoryBytes int64 `json:"memory_bytes"`
	Peak        Size  `json:"peak"`
	Unsized     int   `json:"unsized,omitempty"` // appliances whose size is not known, and which do not count in the sizes

	Interruptions []Interruption `json:"interruptions"` // by network
}

// Interruption is what a network notices of a plan.
type Interruption struct {
	Network NetworkID `json:"network"`
	Moves   int       `json:"moves"`
	// Milliseconds is how long its traffic is expected to stop for all of them.
	Milliseconds float64 `json:"milliseconds"`
	// Cut says that it stops longer: until an appliance is up, for instance, in whose
	// place no other can be in the meantime.
	Cut bool `json:"cut,omitempty"`
}

// Estimate weighs a plan. Swap is how long one move stops the traffic of a network,
// on the cloud in question; sizes are of appliances before and after.
func Estimate(before Fabric, steps []Step, sizes map[ApplianceID]Size, swap time.Duration) Cost {
	c := Cost{Tally: Count(steps), Interruptions: []Interruption{}}
	running, unsized := map[ApplianceID]bool{}, map[ApplianceID]bool{}
	var now Size
	set := func(id ApplianceID, runs bool) {
		if running[id] == runs {
			return
		}
		running[id] = runs
		size, known := sizes[id]
		sign := 1
		if !runs {
			sign = -1
		} else if !known {
			unsized[id] = true
		}
		now.VCPUs, now.MemoryBytes = now.VCPUs+sign*size.VCPUs, now.MemoryBytes+int64(sign)*size.MemoryBytes
		c.Machines += sign
		c.Peak.VCPUs, c.Peak.MemoryBytes = max(c.Peak.VCPUs, now.VCPUs), max(c.Peak.MemoryBytes, now.MemoryBytes)
	}
	for _, a := range before.Appliances {
		if a.Booted {
			set(a.ID, true)
		}
	}
	c.Machines = 0 // before it, there are none more
	first := now
	for _, s := range steps {
		switch s.Verb {
		case Boot:
			c.Boots++
			set(s.Appliance.ID, true)
		case Shutdown:
			set(s.Appliance.ID, false)
		default:
		}
	}
	c.Unsized = len(unsized)
	c.VCPUs, c.MemoryBytes = now.VCPUs-first.VCPUs, now.MemoryBytes-first.MemoryBytes
	cut := stops(before, steps)
	for _, n := range sortedUnique(append(slices.Clone(c.Swapped), cut...)) {
		c.Interruptions = append(c.Interruptions, Interruption{
			Network: n, Moves: c.Swaps[n], Milliseconds: float64(c.Swaps[n]) * float64(swap) / float64(time.Millisecond), Cut: slices.Contains(cut, n),
		})
	}
	return c
}

// stops are the networks that reach their gateway before a plan and do not after one
// of its steps.
func stops(before Fabric, steps []Step) (list []NetworkID) {
	var open []NetworkID
	for _, n := range before.Networks {
		if _, ok := Path(before, n.ID); ok && n.Role == RoleTenant {
			open = append(open, n.ID)
		}
	}
	now := before
	for _, s := range steps {
		next, err := Apply(now, s)
		if err != nil {
			return nil // such a plan is refused before it cuts anything
		}
		now = next
		if s.Verb != Move && s.Verb != Shutdown { // nothing else stops traffic
			continue
		}
		for _, id := range open {
			if _, ok := Path(now, id); !ok {
				list = append(list, id)
			}
		}
	}
	return sortedUnique(list)
}

// String says it in sentences, one to a line.
func (c Cost) String() string {
	lines := []string{strings.Split(c.Tally.String(), "\n")[0]}
	if machines := c.machines(); machines != "" {
		lines = append(lines, machines)
	}
	for _, i := range c.Interruptions {
		lines = append(lines, i.String())
	}
	if len(c.Interruptions) == 0 {
		lines = append(lines, "No network sees a swap.")
	}
	return strings.Join(lines, "\n")
}

func (c Cost) machines() string {
	if c.Boots == 0 && c.Machines == 0 {
		return ""
	}
	text := fmt.Sprintf("%s to boot; %s, %s and %s", count(c.Boots, "machine"), less(c.Machines, "machine"), less(c.VCPUs, "vCPU"), memory(c.MemoryBytes))
	text += fmt.Sprintf(" afterwards; at most %s and %s at a time", count(c.Peak.VCPUs, "vCPU"), bytesOf(c.Peak.MemoryBytes))
	if c.Unsized > 0 {
		text += fmt.Sprintf(", without %s of unknown size", count(c.Unsized, "appliance"))
	}
	return text + "."
}

func less(n int, what string) string {
	if n == 0 {
		return "no " + what + " more"
	}
	if n < 0 {
		return count(-n, what) + " less"
	}
	return count(n, what) + " more"
}

func memory(n int64) string {
	switch {
	case n == 0:
		return "no memory more"
	case n < 0:
		return bytesOf(-n) + " less"
	}
	return bytesOf(n) + " more"
}

// String is a sentence.
func (i Interruption) String() string {
	text := fmt.Sprintf("Network %s (%s): ", printable(string(i.Network)), count(i.Moves, "move"))
	switch {
	case i.Cut:
		return text + "its traffic stops in between, until it passes the service again."
	case i.Milliseconds == 0:
		return text + "no interruption expected."
	case i.Milliseconds >= 1000:
		return text + fmt.Sprintf("about %.3g s of interruption expected.", i.Milliseconds/1000)
	}
	return text + fmt.Sprintf("about %.3g ms of interruption expected.", math.Max(i.Milliseconds, 0.001))
}

// bytesOf is a size for people.
func bytesOf(n int64) string {
	v, unit := float64(n)/(1<<20), "MiB"
	if v >= 1024 {
		v, unit = v/1024, "GiB"
	}
	return fmt.Sprintf("%.4g %s", v, unit)
}
