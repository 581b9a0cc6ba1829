package topology

import (
	"fmt"
	"slices"
)

// A service in path may have more than one appliance: one carries the traffic, the
// others stand by, booted and with their data legs unplugged. When one of them
// takes over, its legs are plugged in at the very places that the legs of the one
// before leave: the segments belong to the service, and nobody else's plug moves.

// admitInPath takes in the appliance that is in path and those that stand by.
func (c *composer) admitInPath(s Service) error {
	active := 0
	for n, r := range s.Replicas {
		if slices.ContainsFunc(s.Replicas[:n], func(o Replica) bool { return o.Number == r.Number }) {
			return fmt.Errorf("service %q has replica %d twice", label(s.Name, s.Instance), r.Number)
		}
		m := &machine{Service: s, appliance: newAppliance(s, r)}
		m.Management = r.Management
		if r.Idle {
			m.Stitches = nil
		} else {
			active++
		}
		c.machines = append(c.machines, m)
		if err := c.admitStitches(m); err != nil {
			return err
		}
		if err := c.manage(m); err != nil {
			return err
		}
	}
	if active != 1 {
		return fmt.Errorf("service %q is to have %d appliances in path: it must be one", label(s.Name, s.Instance), active)
	}
	return nil
}
