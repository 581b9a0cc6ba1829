package provision

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// managementAddresses are those of all members, by number; none for a package
// without a management leg. A member keeps the one that it has, others get one of
// the range that no instance of the tenant has. Changes of a tenant run one at a
// time, so nobody else of it takes them meanwhile.
func (s *Service) managementAddresses(ctx context.Context, i Instance) ([]netip.Prefix, error) {
	if !managed(i.Insertion) {
		return nil, nil
	}
	list := i.addresses()
	if len(list) >= i.members() {
		return list[:i.members()], nil
	}
	r, err := s.managementRange(ctx, i.place())
	if err != nil {
		return nil, err
	}
	for other, err := range s.look(ctx, i.place()) {
		if err != nil {
			return nil, err
		}
		for _, a := range other.reserved() {
			r.used[a.Addr()] = true
		}
	}
	more, ok := r.free(i.members()-len(list), string(i.Tenant)+" "+string(i.ID))
	if !ok {
		return nil, fault.New(fault.Full, "the management network %s of tenant %q has no free address", r.Prefix, i.Tenant)
	}
	return append(list, more...), nil
}

// addressRange is where management addresses are chosen from.
type addressRange struct {
	netip.Prefix
	used   map[netip.Addr]bool
	shared bool // by all tenants
}

func (s *Service) managementRange(ctx context.Context, p Place) (addressRange, error) {
	at, err := s.in(p)
	if err != nil {
		return addressRange{}, err
	}
	if c, ok := at.(cloud.Managing); ok {
		shared, taken, err := c.Management(ctx)
		if err != nil {
			return addressRange{}, fmt.Errorf("cannot choose a management address: %w", err)
		}
		if shared.IsValid() {
			return addressRange{shared.Masked(), taken, true}, nil
		}
	}
	return addressRange{s.management.Masked(), map[netip.Addr]bool{}, false}, nil
}

// free gives so many addresses that nobody has. The network's own is skipped, and the
// first one, which is the broker's or the gateway's, and the last. In a range that
// tenants share the search begins at a place that follows from who asks, so that two
// who choose at the same moment hardly choose the same.
func (r addressRange) free(n int, who string) (list []netip.Prefix, ok bool) {
	first := r.Addr().Next().Next()
	start := r.ahead(first, who)
	take := func(from, to netip.Addr) { // without to
		for a := from; len(list) < n && a != to && r.Contains(a.Next()); a = a.Next() {
			if !r.used[a] {
				list = append(list, netip.PrefixFrom(a, r.Bits()))
			}
		}
	}
	take(start, netip.Addr{})
	take(first, start)
	return list, len(list) == n
}

// ahead is an address of a shared IPv4 range some way after the first one.
func (r addressRange) ahead(first netip.Addr, who string) netip.Addr {
	if !r.shared || !first.Is4() {
		return first
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(who)) // never fails
	b := first.As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+h.Sum32()%(1<<(32-r.Bits())))
	if a := netip.AddrFrom4(b); r.Contains(a) {
		return a
	}
	return first
}

// ready answers a *cloud.NotYet while an appliance that is wired cannot have traffic yet,
// on a cloud that sends no probes through it: where its package has a health endpoint,
// that must answer well first, and else it is given time to boot.
func (s *Service) ready(ctx context.Context, at cloud.Cloud, step topology.Step) error {
	b, ok := at.(cloud.Blind)
	if !ok || !b.Blind() {
		return nil
	}
	i, err := s.instances.Get(ctx, string(step.Appliance.Instance))
	if errors.Is(err, fault.NotFound) {
		return nil // a change made by hand has no instance
	}
	if err != nil {
		return err
	}
	i, member, err := i.owner(step.Appliance.ID)
	if errors.Is(err, fault.Conflict) {
		return nil // it is being taken away
	}
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	unwell, asked := s.AskHealth(asking, i, member)
	switch {
	case !asked:
		return s.booted(ctx, b, i.Tenant, *step.Appliance)
	case unwell != "":
		return &cloud.NotYet{Reason: fmt.Sprintf("%s is not ready: %s", step.Appliance.Name, unwell), After: healthAgain}
	}
	return nil
}

// booted answers a *cloud.NotYet until an appliance has run for as long as one may take
// to boot.
func (s *Service) booted(ctx context.Context, at cloud.Blind, tenant topology.TenantID, a topology.Appliance) error {
	if s.bootWait == 0 {
		return nil
	}
	since, err := at.Since(ctx, tenant, a.ID)
	if err != nil || since.IsZero() {
		return err
	}
	left := min(s.bootWait-time.Since(since), s.bootWait) // the cloud's clock may be ahead
	if left <= 0 {
		return nil
	}
	return &cloud.NotYet{Reason: fmt.Sprintf("%s is given %v to boot, for nothing tells whether it forwards", a.Name, s.bootWait), After: left}
}

// How long an appliance may take to answer, and how soon one that is not ready is asked
// again.
const (
	healthPatience = 5 * time.Second
	healthAgain    = 2 * time.Second
)
