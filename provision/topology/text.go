package topology

import (
	"fmt"
	"strings"
)

// String is one sentence, without a full stop.
func (s Step) String() string { return printable(s.sentence()) }

func (s Step) sentence() string {
	if err := s.complete(); err != nil {
		return err.Error()
	}
	switch s.Verb {
	case CreateNetwork:
		return "create " + s.Network.describe()
	case DeleteNetwork:
		return "delete " + s.Network.kind()
	case CreatePort:
		return fmt.Sprintf("create port %s, the %s of %s, %s", s.Leg.Port, s.Leg.kind(), s.Appliance.label(), s.Leg.where())
	case DeletePort:
		return fmt.Sprintf("delete port %s, the %s of %s", s.Leg.Port, s.Leg.kind(), s.Appliance.label())
	case Boot:
		return fmt.Sprintf("boot %s on %s", s.Appliance.label(), count(len(s.Appliance.Legs), "port"))
	case Shutdown:
		return "shut down " + s.Appliance.label()
	case Await:
		return fmt.Sprintf("wait until a probe passes through %s%s", s.Appliance.label(), s.between())
	case Move:
		return s.describeMove()
	case SetRedirect:
		return s.describeRedirect()
	}
	return string(s.Verb)
}

func (n *Network) kind() string {
	if n.Role == RoleManagement {
		return "management network " + string(n.ID)
	}
	return "segment " + string(n.ID)
}

func (n *Network) describe() string {
	var ranges []string
	for _, s := range n.Subnets {
		ranges = append(ranges, s.CIDR.String())
	}
	text := n.kind()
	if len(n.Carries) > 0 {
		text += " for the traffic of " + list(n.Carries)
	}
	if len(ranges) > 0 {
		text += " (" + strings.Join(ranges, ", ") + ")"
	}
	return text
}

func (l *Leg) kind() string {
	if l.Role == Inside || l.Role == Outside {
		return fmt.Sprintf("%s leg of pair %d", l.Role, l.Pair)
	}
	return string(l.Role) + " leg"
}

func (l *Leg) where() string {
	if l.At == "" {
		return "not plugged in yet"
	}
	return "plugged into " + string(l.At)
}

// label tells the generations of an appliance apart, which have one name.
func (a *Appliance) label() string {
	generation, _ := strings.CutPrefix(string(a.ID), string(a.Instance))
	if a.Side != "" { // which its name tells
		generation = strings.Replace(generation, "@"+a.Side, "", 1)
	}
	if a.Name == "" || a.Instance == "" || !marked.MatchString(generation) {
		return label(a.Name, a.ID)
	}
	return label(a.Name, a.ID) + generation
}

// between says from where to where the probe goes.
func (s Step) between() string {
	for _, w := range wires(s.Appliance) {
		if in, out := s.Appliance.Legs[w.in], s.Appliance.Legs[w.out]; in.Pair == s.Pair {
			return fmt.Sprintf(" between %s and %s", in.At, out.At)
		}
	}
	return ""
}

func (s Step) describeMove() string {
	what := fmt.Sprintf("port %s of gateway %s", s.Port, s.Gateway)
	if s.Appliance != nil {
		what = fmt.Sprintf("port %s of %s", s.Port, s.Appliance.label())
	}
	var text string
	switch {
	case s.From == "":
		text = fmt.Sprintf("plug %s into %s", what, s.To)
	case s.To == "":
		text = fmt.Sprintf("unplug %s from %s", what, s.From)
	default:
		text = fmt.Sprintf("move %s from %s to %s", what, s.From, s.To)
	}
	if len(s.Serves) > 0 {
		text += ": swaps the traffic of " + list(s.Serves)
	}
	return text
}

func (s Step) describeRedirect() string {
	switch {
	case s.Redirect == nil:
		return fmt.Sprintf("have gateway %s no longer send flows of %s through %s", s.Was.Gateway, s.Was.Network, s.Was.through())
	case s.Was == nil:
		return fmt.Sprintf("have gateway %s send flows of %s (%s) through %s", s.Redirect.Gateway, s.Redirect.Network, s.Redirect.Match, s.Redirect.through())
	case s.Was.Match.String() != s.Redirect.Match.String():
		return fmt.Sprintf("have gateway %s send other flows of %s (%s instead of %s) through %s", s.Redirect.Gateway, s.Redirect.Network,
			s.Redirect.Match, s.Was.Match, s.Redirect.through())
	}
	return fmt.Sprintf("have gateway %s send flows of %s through %s instead of %s", s.Redirect.Gateway, s.Redirect.Network, s.Redirect.through(), s.Was.through())
}

func (r *Redirect) through() string {
	if len(r.Members) == 0 {
		return "nothing, which stops them"
	}
	ids := make([]NetworkID, len(r.Members)) // of the same form as what list joins
	for i, m := range r.Members {
		ids[i] = NetworkID(m.Appliance)
	}
	return list(ids)
}

// Text is a plan for people: a numbered list, then what it takes and which
// networks see a swap.
func Text(steps []Step) string {
	if len(steps) == 0 {
		return listed(steps)
	}
	return listed(steps) + "\n" + Count(steps).String() + "\n"
}

// listed are the steps with their numbers, one to a line.
func listed(steps []Step) string {
	if len(steps) == 0 {
		return "Nothing to do.\n"
	}
	var b strings.Builder
	for i, s := range steps {
		fmt.Fprintf(&b, "%*d. %s\n", len(fmt.Sprint(len(steps))), i+1, s)
	}
	return b.String()
}

func list(ids []NetworkID) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = string(id)
	}
	return and(parts)
}

// and joins as people do.
func and(parts []string) string {
	if last := len(parts) - 1; last > 0 {
		return strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	return strings.Join(parts, "")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
