//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const nftBinary = "nft"

// setRedirect brings a rule of the gateway from what it was to what it is to be.
// The ways into its members are made first; then the packet filter changes in one
// transaction, which is the swap; what is inside members that lose their flows is let
// out; then the rule is tagged, as a link without
// traffic, for it has none of its own; and what nobody needs any more goes.
func (v *view) setRedirect(ctx context.Context, f topology.Fabric, s topology.Step) error {
	next, err := topology.Apply(f, s)
	if err != nil {
		return &fault.Error{Kind: fault.Invalid, Message: err.Error()}
	}
	gateway := gatewayIn(s)
	rules := rulesOf(next, gateway)
	members := membersOf(rules)
	if err := distinct(members); err != nil {
		return err
	}
	for _, m := range members {
		if err := v.makeTurn(gateway, m); err != nil {
			return err
		}
	}
	err = v.cloud.within(v.cloud.gatewayName(v.tenant, gateway), func() error {
		if len(members) > 0 { // else what leads into members may still be used
			if err := v.leadInto(gateway, members); err != nil {
				return err
			}
		}
		if err := filter(ctx, ruleset(rules, subnetsOf(f), turnLinks(gateway, members))); err != nil {
			return err
		}
		if len(members) == 0 {
			if err := v.preferMarked(false); err != nil {
				return err
			}
		}
		if err := forgetMembers(members); err != nil {
			return err
		}
		return v.letOut(gateway, membersOf(rulesOf(f, gateway)), members)
	})
	if err != nil {
		return fmt.Errorf("cannot change what the gateway redirects: %w", err)
	}
	if err := v.tagRule(s); err != nil {
		return err
	}
	fresh, err := v.cloud.look(v.tenant)
	if err != nil {
		return err
	}
	return fresh.removeTurns(gateway, members)
}

// rulesOf are those of one gateway.
func rulesOf(f topology.Fabric, g topology.GatewayID) (list []topology.Redirect) {
	for _, r := range f.Redirects {
		if r.Gateway == g {
			list = append(list, r)
		}
	}
	return list
}

// gatewayIn is the gateway whose rule a step is about.
func gatewayIn(s topology.Step) topology.GatewayID {
	if s.Redirect != nil {
		return s.Redirect.Gateway
	}
	return s.Was.Gateway
}

// distinct refuses appliances whose marks happen to be the same.
func distinct(members []topology.Member) error {
	seen := map[uint32]topology.ApplianceID{}
	for _, m := range members {
		mark := memberMark(m.Appliance)
		if other, taken := seen[mark]; taken {
			return fault.New(fault.Invalid, "%q and %q cannot both be members of the gateway's rules: their marks are equal", other, m.Appliance)
		}
		seen[mark] = m.Appliance
	}
	return nil
}

// tagRule keeps the rule as facts of a link, or removes it.
func (v *view) tagRule(s topology.Step) error {
	if s.Redirect == nil {
		return v.remove(kindRule, string(s.Was.ID))
	}
	t, err := v.cloud.newTag(v.tenant, kindRule, string(s.Redirect.ID), s.Redirect)
	if err != nil {
		return err
	}
	l, err := v.adopt(kindRule, string(s.Redirect.ID), func(name string) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	})
	if err != nil {
		return err
	}
	return v.cloud.setTag(l, t)
}

func (v *view) redirects() (out []topology.Redirect, err error) {
	for _, l := range v.all(kindRule) {
		r, err := facts[topology.Redirect](l.tag)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// track begins to track a gateway's flows, in the namespace that the thread is in.
// Without it flows that are older than the first rule may be taken for others'.
func (c *Cloud) track() error {
	err := filter(context.Background(), tracking)
	if errors.Is(err, fault.Unavailable) {
		c.log.Debug("gateways do not track flows", "cause", err)
		return nil
	}
	return err
}

// filter gives nftables a table, in the namespace that the thread is in.
func filter(ctx context.Context, text string) error {
	cmd := exec.CommandContext(ctx, nftBinary, "-f", "-")
	cmd.Stdin = strings.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fault.New(fault.Unavailable, "this machine has no nft, which services in redirect mode need: apt-get install nftables")
	}
	if err != nil {
		return fmt.Errorf("nft refused the rules: %w: %.500s", err, said.String())
	}
	return nil
}

func turnLinks(g topology.GatewayID, members []topology.Member) []string {
	var names []string
	for _, m := range members {
		names = append(names, turnLink(g, m.Appliance, insideEnd), turnLink(g, m.Appliance, outsideEnd))
	}
	slices.Sort(names)
	return names
}

func subnetsOf(f topology.Fabric) map[topology.NetworkID][]netip.Prefix {
	subnets := map[topology.NetworkID][]netip.Prefix{}
	for _, n := range f.Networks {
		for _, s := range n.Subnets {
			subnets[n.ID] = append(subnets[n.ID], s.CIDR)
		}
	}
	return subnets
}
