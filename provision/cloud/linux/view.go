//go:build linux

package linux

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A view is a tenant's fabric namespace as it is at one moment. It is used on
// the thread that took it, which is inside that namespace.
type view struct {
	cloud  *Cloud
	tenant topology.TenantID
	links  []tagged
}

// tagged is a link of ours with what its tag says.
type tagged struct {
	netlink.Link
	tag tag
}

func (l tagged) index() int { return l.Attrs().Index }

// facts reads a tag's facts.
func facts[T any](t tag) (out T, err error) {
	if err = json.Unmarshal(t.Facts, &out); err != nil {
		err = fmt.Errorf("cannot read the facts of %s %q: %w", t.Kind, t.ID, err)
	}
	return out, err
}

// withFabric runs f inside a tenant's fabric. NotFound when the tenant has none.
func (c *Cloud) withFabric(t topology.TenantID, f func(*view) error) error {
	err := c.within(c.fabricName(t), func() error {
		v, err := c.look(t)
		if err != nil {
			return err
		}
		return f(v)
	})
	if err == error(noNamespace(c.fabricName(t))) {
		return nothingOf(t, errors.Join(errNothing, err))
	}
	return err
}

func nothingOf(t topology.TenantID, cause error) error {
	return &fault.Error{Kind: fault.NotFound, Message: fmt.Sprintf("tenant %q has no networks here", t), Err: cause}
}

// look takes the view of the namespace that the thread is in.
func (c *Cloud) look(t topology.TenantID) (*view, error) {
	v := &view{cloud: c, tenant: t}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("cannot list links: %w", err)
	}
	for _, l := range links {
		tag, ok, err := c.tagOf(c.tenantDir(t), l)
		if err != nil {
			return nil, err
		}
		if ok {
			v.links = append(v.links, tagged{l, tag})
		}
	}
	return v, nil
}

// find is the link of a thing; ok is false when there is none.
func (v *view) find(k kind, id string) (tagged, bool) {
	i := slices.IndexFunc(v.links, func(l tagged) bool { return l.tag.Kind == k && l.tag.ID == id })
	if i < 0 {
		return tagged{}, false
	}
	return v.links[i], true
}

// all are the links of a kind, by id.
func (v *view) all(k kind) []tagged {
	var out []tagged
	for _, l := range v.links {
		if l.tag.Kind == k {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b tagged) int { return compare(a.tag.ID, b.tag.ID) })
	return out
}

// network is the bridge of a network; NotFound when there is none.
func (v *view) network(id topology.NetworkID) (tagged, error) {
	l, ok := v.find(kindNetwork, string(id))
	if !ok {
		return l, fault.New(fault.NotFound, "tenant %q has no network %q", v.tenant, id)
	}
	return l, nil
}

// at is the network that a link is plugged into; empty when unplugged.
func (v *view) at(l netlink.Link) topology.NetworkID {
	for _, n := range v.links {
		if n.tag.Kind == kindNetwork && n.index() == l.Attrs().MasterIndex {
			return topology.NetworkID(n.tag.ID)
		}
	}
	return ""
}

// plug makes a link a port of a network's bridge, or of none.
func (v *view) plug(l netlink.Link, at topology.NetworkID) error {
	if at == "" {
		return netlink.LinkSetNoMaster(l)
	}
	n, err := v.network(at)
	if err != nil {
		return err
	}
	if l.Attrs().MasterIndex == n.index() {
		return nil
	}
	if err := netlink.LinkSetMasterByIndex(l, n.index()); err != nil {
		return fmt.Errorf("cannot plug %q into network %q: %w", l.Attrs().Name, at, err)
	}
	return nil
}

// adopt finds the link of a thing by its name, or makes it by calling create. It
// refuses a link of that name which is something else.
func (v *view) adopt(k kind, id string, create func(name string) error) (netlink.Link, error) {
	name := linkName(k, id)
	l, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		if err := create(name); err != nil {
			return nil, fmt.Errorf("cannot make the link of %s %q: %w", k, id, err)
		}
		l, err = netlink.LinkByName(name)
	}
	if err != nil {
		return nil, err
	}
	t, ok, err := v.cloud.tagOf(v.cloud.tenantDir(v.tenant), l)
	if err == nil && ok && (t.Kind != k || t.ID != id) {
		return nil, fmt.Errorf("the link name %q of %s %q is taken by %s %q", name, k, id, t.Kind, t.ID)
	}
	return l, err
}

// remove deletes the link of a thing, also one that was made and not yet tagged,
// and its facts; absent is no error.
func (v *view) remove(k kind, id string) error {
	l, err := netlink.LinkByName(linkName(k, id))
	if err == nil {
		err = netlink.LinkDel(l)
	}
	if err != nil && !isGone(err) {
		return fmt.Errorf("cannot remove the link of %s %q: %w", k, id, err)
	}
	return v.cloud.dropFacts(v.tenant, id, k, kindFarEnd)
}
