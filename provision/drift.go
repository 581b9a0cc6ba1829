package provision

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Drift is in what the fabric of a place is not as the records say, although no change
// is in progress: somebody, or a fault, has altered the cloud.
type Drift struct {
	Place

	// Busy says that changes are in progress for the tenant: what they make and
	// remove is no drift, so nothing was compared.
	Busy        bool
	Differences []topology.Difference
	Steps       []topology.Step // what a repair does, in order
	Obstacle    string          // why it cannot be repaired; empty: it can be

	Since  time.Time     // when the schedule first found these differences; zero: it has not seen them
	Failed string        // why the latest repair of them failed
	Repair work.ChangeID // the change that repairs it, when asked to
}

// found says whether anything is not as it should be.
func (d Drift) found() bool { return len(d.Differences)+len(d.Steps) > 0 || d.Obstacle != "" }

// digest tells one drift from another.
func (d Drift) digest() string { return digest(d.Tenant, d.Differences, d.Obstacle) }

// Drift compares a tenant's fabric with the records, and changes nothing.
func (s *Service) Drift(ctx context.Context, p Place) (Drift, error) {
	d, err := s.compare(ctx, p)
	if err != nil || d.Busy {
		return d, err
	}
	m, err := s.drifts.Get(ctx, p.key())
	if errors.Is(err, fault.NotFound) {
		return d, nil
	}
	if m.Digest == d.digest() {
		d.Since, d.Failed = m.Since, m.Error
	}
	return d, err
}

// Drifts is Drift of all tenants that differ or are busy.
func (s *Service) Drifts(ctx context.Context) ([]Drift, error) {
	list := []Drift{}
	places, _, err := s.placesAnywhere(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		d, err := s.Drift(ctx, p)
		if err != nil {
			return nil, err
		}
		if d.Busy || d.found() {
			list = append(list, d)
		}
	}
	return list, nil
}

// Mend has a change repair a tenant's drift. The change is planned anew when its
// turn comes, after everything that was asked for before, so it never touches what
// is being made. A tenant without drift, one that is busy, and drift that cannot be
// repaired get none.
func (s *Service) Mend(ctx context.Context, d Drift, by string) (Drift, error) {
	if d.Busy || !d.found() {
		return d, nil
	}
	if _, err := s.report(ctx, d); err != nil {
		return d, err
	}
	return s.mend(ctx, d, by)
}

func (s *Service) mend(ctx context.Context, d Drift, by string) (Drift, error) {
	if d.Obstacle != "" || len(d.Steps) == 0 {
		return d, nil
	}
	var err error
	if d.Repair, err = s.repair(ctx, d.Place, by); err == nil {
		s.log.Info("drift is being repaired", "tenant", d.Place, "change", d.Repair, "by", by)
	}
	return d, err
}

// compare is the drift of a place, without what is known of it from before.
func (s *Service) compare(ctx context.Context, p Place) (Drift, error) {
	d := Drift{Place: p}
	before, err := s.busy(ctx, p)
	if err != nil || before {
		d.Busy = before
		return d, err
	}
	comparing := s.differ(ctx, &d)
	// A change that began meanwhile may be what was seen.
	busy, err := s.busy(ctx, p)
	if err != nil || busy {
		return Drift{Place: p, Busy: busy}, err
	}
	return d, comparing
}

// differ works out differences and steps. Where a network of the tenant's own is
// gone, the rest is compared, but not repaired: whether the services on that network
// are to go, or it is to come back, is for people to say.
func (s *Service) differ(ctx context.Context, d *Drift) error {
	services, err := s.services(ctx, d.Place, "", nil)
	if err != nil {
		return err
	}
	have, err := s.observe(ctx, d.Place)
	if err != nil {
		return err
	}
	services, lost := topology.Lost(have, services)
	want, err := topology.Compose(topology.Base(have), services)
	if err != nil {
		d.Obstacle = err.Error()
		return nil
	}
	d.Differences = append(lost, topology.Differ(have, want)...)
	if len(lost) > 0 {
		d.Obstacle = "networks of the tenant's own are gone: bring them back, or take the services out of them"
		return nil
	}
	if d.Steps, err = topology.Plan(have, want); err != nil {
		d.Obstacle = err.Error()
	}
	return nil
}

// busy says whether something is in progress in a place, on any broker.
func (s *Service) busy(ctx context.Context, p Place) (bool, error) {
	open, err := s.engine.List(ctx, work.Filter{Lane: p.lane(), Open: true, Limit: 1})
	if err != nil || len(open) > 0 {
		return len(open) > 0, err
	}
	mine, err := s.Instances(ctx, Filter{Tenant: p.Tenant})
	return slices.ContainsFunc(mine, func(i Instance) bool { return i.place() == p && len(i.pending()) > 0 }), err
}

// repairArgs is what a repair's change carries.
type repairArgs struct {
	By string `json:"by,omitempty"` // who asked; empty: the schedule
}

func (s *Service) repair(ctx context.Context, p Place, by string) (work.ChangeID, error) {
	args, err := json.Marshal(repairArgs{by})
	if err != nil {
		return "", fmt.Errorf("cannot keep who asked for a repair: %w", err)
	}
	id := work.ChangeID(rand.Text())
	err = s.engine.Submit(ctx, work.Change{ID: id, Lane: p.lane(), Kind: KindRepair, Subject: string(p.Tenant), Args: args})
	if err != nil {
		return "", fmt.Errorf("cannot submit the repair of tenant %q%s: %w", p.Tenant, p.there(), err)
	}
	return id, nil
}
