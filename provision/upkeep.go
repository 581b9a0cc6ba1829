package provision

import (
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Upkeep is what has become of an instance's appliances, by their numbers, and so
// part of what should be: changes of their own kinds bring it about. It is written by
// the monitor's verdicts and by what people ask for, with the instance's document
// compared and swapped, so several monitors do nothing twice.
type Upkeep struct {
	Standing
	// Before is what the change in progress alters: taken back if that fails.
	Before Standing `json:"before,omitzero"`

	Idle []int `json:"idle,omitempty"` // do not answer
	Due  []int `json:"due,omitempty"`  // are to be booted anew, as somebody asked
	Back []int `json:"back,omitempty"` // answer again, and have not been told yet what they missed

	// Respins are when appliances were booted anew within the last hour, since somebody
	// asked for it last. GaveUp says that there were too many.
	Respins []time.Time `json:"respins,omitempty"`
	GaveUp  bool        `json:"gave_up,omitempty"`
}

// Standing is where traffic goes, through which of two appliances in path or past the
// service, and which start of each appliance there is to be.
type Standing struct {
	Active    int    `json:"active,omitempty"`
	Bypass    Bypass `json:"bypass,omitempty"`
	Suspended bool   `json:"suspended,omitempty"` // traffic gets past it whatever Bypass says, and nothing is mended
	Starts    starts `json:"starts,omitempty"`
}

// Bypass says why traffic gets past a service; empty: it does not.
type Bypass string

const (
	BypassFailed    Bypass = "failed"    // none of its appliances forwards; where the policy is open, until one does
	BypassAsked     Bypass = "asked"     // somebody wants it, until somebody wants it back
	BypassReturning Bypass = "returning" // somebody wants it back, as soon as one of its appliances forwards
)

// starts are numbers of starts, 0 for those beyond the end.
type starts []int

func (s starts) of(n int) int {
	if n < len(s) {
		return s[n]
	}
	return 0
}

func (s starts) next(n int) starts {
	next := make(starts, max(len(s), n+1))
	copy(next, s)
	next[n]++
	return next
}

// The pace of respins: each pause is twice the one before, since an appliance may
// take long to come up; and one that does not come back is not booted for ever.
const (
	respinPause = time.Minute
	respinMost  = 5 // within respinSpan
	respinSpan  = time.Hour
	retryPause  = time.Minute // after a change that failed
)

// anew is the upkeep of an instance's next generation: nothing is known of it.
func (u Upkeep) anew() Upkeep {
	next := Upkeep{Standing: Standing{Suspended: u.Suspended}}
	if u.Bypass == BypassAsked {
		next.Bypass = BypassAsked
	}
	return next
}

func (u Upkeep) down(n int) bool { return slices.Contains(u.Idle, n) }

// active is the appliance that traffic passes, of one in path.
func (i Instance) active() int {
	if i.Active < i.members() {
		return i.Active
	}
	return 0
}

// idle says whether an appliance is to get no traffic: in path all but one, in
// redirect mode those that do not answer.
func (i Instance) idle(n int) bool {
	if i.Mode != topology.Redirected {
		return i.StandsBy(n)
	}
	return i.silent(n)
}

// silent says whether an appliance does not answer while another one of its side does. When none
// answers, all get their flows: where traffic may get past them it does by then, and
// where it may not they are the only way that there is, and what they do not pass on
// stops there.
func (i Instance) silent(n int) bool { return i.down(n) && !i.fallen(i.sideOf(n)) }

// Failing is the number of appliances that do not answer.
func (i Instance) Failing() int {
	return len(slices.DeleteFunc(slices.Clone(i.Idle), func(n int) bool { return n >= i.members() }))
}

// fails says whether no appliance is there that traffic could pass, on any one side.
func (i Instance) fails() bool {
	if i.Insertion.Symmetric() {
		return slices.ContainsFunc(i.Insertion.SideNames(), i.fallen)
	}
	if i.Mode != topology.Redirected {
		return i.down(i.active())
	}
	return i.Failing() >= i.members()
}

// bypasses says whether a network's traffic is to get past the service.
func (i Instance) bypasses(st topology.Stitch) bool {
	if i.Suspended {
		return true
	}
	switch i.Bypass {
	case BypassAsked, BypassReturning:
		return true
	case BypassFailed:
		return i.Policy(st) == topology.FailOpen && (!i.Insertion.Symmetric() || i.fallen(st.Side))
	default:
		return false
	}
}

// attend decides what is next to be done about the appliances, one kind of change at
// a time: traffic first, machines after. It alters the desired state for it; empty
// when nothing is to be done now. Moved says that flows have to find other members.
func (i *Instance) attend(now time.Time, moved bool) work.Kind {
	i.Before = i.Standing
	if !i.Suspended { // else it is mended when it is resumed
		if kind := i.mend(now, moved); kind != "" {
			return kind
		}
	}
	if len(i.reminders()) > 0 {
		return KindFailover
	}
	i.Back = nil
	return ""
}

// mend has traffic go where it can, and machines booted anew.
func (i *Instance) mend(now time.Time, moved bool) work.Kind {
	if kind := i.redress(moved); kind != "" {
		return kind
	}
	if i.respin(now) {
		return KindRespin
	}
	return ""
}

// redress has traffic go where it can.
func (i *Instance) redress(moved bool) work.Kind {
	inPath := i.Mode != topology.Redirected
	switch other := 1 - i.active(); {
	case inPath && i.Steering.members() == 2 && i.down(i.active()) && !i.down(other):
		i.Active = other
		return KindFailover
	case i.fails() && i.Bypass == "" && i.opens():
		i.Bypass = BypassFailed
		return KindBypass
	case !i.fails() && (i.Bypass == BypassFailed || i.Bypass == BypassReturning):
		i.Bypass = ""
		return KindRestore
	case moved && i.Insertion.Symmetric() && i.Bypass == BypassFailed:
		return KindRestore // of one side, or not yet of another
	case moved && !inPath:
		return KindFailover
	}
	return ""
}

// respin has the appliances booted anew for which it is time.
func (i *Instance) respin(now time.Time) bool {
	i.Respins = slices.DeleteFunc(slices.Clone(i.Respins), func(at time.Time) bool { return now.Sub(at) >= respinSpan })
	var who []int
	for n := range i.members() {
		if slices.Contains(i.Due, n) || i.down(n) && i.respawns() && i.rested(now) {
			who = append(who, n)
			i.Starts = i.Starts.next(n)
		}
	}
	if len(i.Due) > 0 { // whoever asked has seen to it
		i.Due, i.Respins = nil, nil
	}
	if len(who) > 0 {
		i.Respins = append(i.Respins, now)
	}
	return len(who) > 0
}

// rested says whether it may be tried again.
func (i *Instance) rested(now time.Time) bool {
	n := len(i.Respins)
	if n >= respinMost {
		if !i.GaveUp {
			i.GaveUp = true
			i.note("", fmt.Sprintf("it was booted anew %d times within an hour and does not come back; it is left as it is: see to it, then respin it", n), "")
		}
		return false
	}
	return n == 0 || now.Sub(i.Respins[n-1]) >= respinPause<<(n-1)
}

// appliance is the id of one of the instance's appliances.
func (i Instance) appliance(n int) topology.ApplianceID {
	return topology.MemberOf(i.ID, i.sideOf(n), i.Generation, i.replica(n))
}

// told is how people call one of its appliances.
func (i Instance) told(n int) string {
	if i.members() == 1 {
		return "the appliance"
	}
	return fmt.Sprintf("member %q", i.appliance(n))
}
