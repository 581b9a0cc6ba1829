package openstack

import (
	"context"
	"fmt"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	gapless   = "a way to move a gateway's port"
	turning   = "a way to redirect flows"
	northward = "the northbound database of this cloud"
)

// northbound looks whether plugs can move as it was chosen.
func (e *examination) northbound(ctx context.Context, o Options) {
	kinds, err := e.d.mechanism(ctx)
	overOVN := strings.Contains(strings.Join(kinds, ","), "OVN")
	north, wrong := northbound(o)
	switch {
	case wrong != nil:
		e.missing("cutover", gapless, wrong, "correct cloud.cutover, cloud.ovn_address, cloud.ovn_ca, cloud.ovn_cert and cloud.ovn_key")
	case north == nil && overOVN:
		e.met("cutover", gapless, "by Neutron's calls, traffic stops for about %v; this cloud has ML2/OVN, where cutover: ovn would have it go on", interruption)
		e.limited("cutover", turning, "services in redirect mode are refused", "choose cutover: ovn, and give the broker access to the northbound database")
	case north == nil:
		e.met("cutover", gapless, "by Neutron's calls, traffic stops for about %v", interruption)
		e.limited("cutover", turning, "services in redirect mode are refused: of Neutron's routers those of OVN can redirect", "have ML2/OVN where such services are wanted; those in path do not need it")
	case err == nil && len(kinds) > 0 && !overOVN:
		e.missing("cutover", gapless, fault.New(fault.Invalid, "cutover: ovn is chosen, and Neutron has no agents of OVN: %s", some(distinct(kinds))), "choose cutover: api")
	default:
		e.d.north = north
		e.reached(ctx)
	}
}

func distinct(list []string) (once []string) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			once = append(once, s)
		}
		seen[s] = true
	}
	return once
}

// reached looks whether the database is this cloud's, and for what is left there.
func (e *examination) reached(ctx context.Context) {
	left, err := e.d.north.Left(ctx)
	if err != nil {
		e.missing("cutover", gapless, err, "see that cloud.ovn_address is right and reached from this machine, and that the database takes the broker's certificate")
		return
	}
	e.met("cutover", gapless, "by OVN, without a gap")
	e.met("cutover", turning, "by policies of OVN's routers")
	const need = "no stand-ins left"
	if len(left) > 0 {
		e.limited("cutover", need, fmt.Sprintf("while no broker moves a port, these are left of moves that were cut off: %s", some(left)),
			"start a broker, which ends the changes that were cut off, or remove them (ovn-nbctl lrp-del)")
	} else {
		e.met("cutover", need, "there are none")
	}
	e.same(ctx)
}

// same looks for some of Neutron's routers in the database: another region's has none.
func (e *examination) same(ctx context.Context) {
	answer, err := read[struct{ Routers []struct{ ID string } }](ctx, e.d.network, "the routers", "routers?limit=20")
	var ids []string
	for _, r := range answer.Routers {
		ids = append(ids, r.ID)
	}
	known := 0
	if err == nil {
		known, err = e.d.north.Knows(ctx, ids...)
	}
	switch {
	case err != nil:
		e.unknown("cutover", northward, err)
	case len(ids) > 0 && known == 0:
		e.missing("cutover", northward, fault.New(fault.Conflict, "none of %d routers of Neutron's is in it", len(ids)), "set cloud.ovn_address to the database of this region")
	default:
		e.met("cutover", northward, "it has %d of the %d routers that were looked for", known, len(ids))
	}
}
