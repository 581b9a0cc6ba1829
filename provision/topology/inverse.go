package topology

import "fmt"

// Inverse is the step that undoes s. An await has none, nor has the shutdown of
// an appliance that was not running, or is not worth running again.
func (s Step) Inverse() (Step, bool) {
	switch s.Verb {
	case Move:
		s.From, s.To = s.To, s.From
	case SetRedirect:
		s.Was, s.Redirect = s.Redirect, s.Was
	case Shutdown:
		if s.Appliance == nil || !s.Appliance.Booted || s.Appliance.Start == noStart {
			return Step{}, false
		}
		s.Verb = Boot
	case Await:
		return Step{}, false
	default:
		back, ok := map[Verb]Verb{CreateNetwork: DeleteNetwork, DeleteNetwork: CreateNetwork,
			CreatePort: DeletePort, DeletePort: CreatePort, Boot: Shutdown}[s.Verb]
		if !ok {
			return Step{}, false
		}
		s.Verb = back
	}
	return s, true
}

// complete says whether the fields are set that the verb needs.
func (s Step) complete() error {
	missing := ""
	switch s.Verb {
	case CreateNetwork, DeleteNetwork:
		if s.Network == nil {
			missing = "network"
		}
	case CreatePort, DeletePort:
		if s.Appliance == nil || s.Leg == nil {
			missing = "appliance or leg"
		}
	case Boot, Shutdown, Await:
		if s.Appliance == nil {
			missing = "appliance"
		}
	case Move:
		if s.Port == "" {
			missing = "port"
		}
	case SetRedirect:
		switch {
		case s.Was == nil && s.Redirect == nil:
			missing = "rule"
		case s.Was != nil && s.Redirect != nil && s.Was.ID != s.Redirect.ID:
			missing = "one rule only"
		}
	}
	if missing != "" {
		return fmt.Errorf("cannot do %q: the step names no %s", s.Verb, missing)
	}
	return nil
}
