package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Verdict says how an instance's appliances are, by number. It is about one
// generation of them; what it says nothing of is not known.
type Verdict struct {
	Generation int
	Members    map[int]Finding
}

// Finding is about one appliance, in one start of its machine.
type Finding struct {
	Start  int
	Alive  bool
	Detail string // what is wrong; no words of the appliance's own
}

// Record keeps a verdict on an instance as it was seen, and begins what follows from
// it: traffic gets past the service or comes back, another appliance takes over, one
// is booted anew. A verdict that says nothing new costs nothing. While an update
// replaces the appliances, or a change like these is on its way, there are none.
func (s *Service) Record(ctx context.Context, seen Instance, v Verdict) error {
	if _, news := seen.hear(v, time.Now().UTC()); !news {
		return nil
	}
	var begun Operation
	i, err := s.instances.Update(ctx, string(seen.ID), func(i Instance) (Instance, error) {
		next, news := i.hear(v, time.Now().UTC())
		if begun = (Operation{}); !news {
			return i, store.Unchanged
		}
		if next.Failover.ID != i.Failover.ID {
			begun = next.Failover
		}
		return next, nil
	})
	if err != nil || begun.ID == "" {
		return err
	}
	return s.submit(ctx, i, begun)
}

// hear is the instance after a verdict; news is false when that alters nothing.
func (i Instance) hear(v Verdict, now time.Time) (next Instance, news bool) {
	if i.State != Active || i.Update != nil || i.Generation != v.Generation || i.Failover.State == InProgress {
		return i, false
	}
	next = i
	next.History = slices.Clip(i.History) // appending must not alter what others hold
	moved := false
	for n := range i.members() {
		if f, known := v.Members[n]; known && f.Start == i.Starts.of(n) && !slices.Contains(i.Due, n) {
			moved = next.judge(n, f) || moved
		}
	}
	failed := i.Failover.State == OpFailed
	if failed && now.Sub(i.Failover.Finished) < retryPause && !moved {
		return i, false
	}
	turned := (len(v.Members) >= i.members() || moved) && next.turn(v.details(i))
	if kind := next.attend(now, moved || failed); kind != "" {
		next.Failover = begin(kind, "waiting for its turn")
		return next, true
	}
	return next, turned || moved || len(next.History) > len(i.History)
}

// judge enters a finding, and says whether it is another than the last one.
func (i *Instance) judge(n int, f Finding) bool {
	was := i.down(n)
	if was == !f.Alive {
		return false
	}
	i.Back = slices.DeleteFunc(slices.Clone(i.Back), func(m int) bool { return m == n })
	i.Idle = slices.DeleteFunc(slices.Clone(i.Idle), func(m int) bool { return m == n })
	if f.Alive {
		i.Back, i.GaveUp = append(i.Back, n), false
		i.note("", i.told(n)+" answers again", "")
		return true
	}
	i.Idle = append(i.Idle, n)
	slices.Sort(i.Idle)
	i.note("", i.told(n)+" does not answer", "")
	return true
}

// details are the findings that are bad, in the order of the members.
func (v Verdict) details(i Instance) string {
	var list []string
	for n := range i.members() {
		switch f := v.Members[n]; {
		case f.Detail == "":
		case i.members() > 1:
			list = append(list, string(i.appliance(n))+": "+f.Detail)
		default:
			list = append(list, f.Detail)
		}
	}
	return strings.Join(list, "; ")
}

// condition is how the service is, by what is known of its appliances and by where
// its traffic goes.
func (i Instance) condition() HealthStatus {
	switch {
	case i.Suspended:
		return HealthSuspended
	case i.Bypass == BypassFailed && !i.opens(): // it was open when it failed
		return HealthFailing
	case i.Bypass != "":
		return HealthBypassed
	case i.fails():
		return HealthFailing
	case i.Failing() > 0:
		return HealthDegraded
	}
	return HealthOK
}

// turn enters how the service is now, and says whether that is new. Each turn is in
// the history, with which it can be counted for how long the service was what.
func (i *Instance) turn(detail string) bool {
	status := i.condition()
	if i.Health.Status == status && i.Health.Detail == detail {
		return false
	}
	turned := i.Health.Status != status
	i.Health.Status, i.Health.Detail = status, detail
	if turned {
		i.Health.Since = time.Now().UTC()
		i.note("", "health is "+string(status), "")
	}
	return true
}

// Start is which start there is to be of one of the instance's appliances, by number.
func (i Instance) Start(n int) int { return i.Starts.of(n) }

// Appliance is the id of one of the instance's appliances, by number.
func (i Instance) Appliance(n int) topology.ApplianceID { return i.appliance(n) }

// Down says whether one of the instance's appliances is known not to answer.
func (i Instance) Down(n int) bool { return i.down(n) }

// StandsBy says whether one of the instance's appliances is there to take over.
func (i Instance) StandsBy(n int) bool {
	return i.Mode != topology.Redirected && !i.Insertion.Symmetric() && n != i.active()
}
