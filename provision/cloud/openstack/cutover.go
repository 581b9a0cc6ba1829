package openstack

import (
	"context"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
)

// How a gateway's plug moves.
const (
	CutoverAPI = "api" // by two calls of Neutron, between which no traffic passes
	CutoverOVN = "ovn" // so that traffic goes on meanwhile, by access to OVN's northbound database
)

// interruption is how long traffic stopped when a plug moved by two calls, on a small
// cloud: 2.4 to 3.5 s with ML2/OVN, 4.9 to 6.3 s with ML2/Open vSwitch.
const interruption = 5 * time.Second

// hitless is the most that stops when OVN has a stand-in.
const hitless = 20 * time.Millisecond

// northbound is the database that options name; nil where plugs move by API alone.
func northbound(o Options) (*ovn.Northbound, error) {
	switch o.Cutover {
	case "", CutoverAPI:
		return nil, nil
	case CutoverOVN:
		return ovn.New(o.Northbound, o.Scope)
	}
	return nil, fault.New(fault.Invalid, "cutover %.30q is neither %s nor %s", o.Cutover, CutoverAPI, CutoverOVN)
}

// Interruption is about how long traffic stops while a gateway's plug moves.
func (d *Driver) Interruption() time.Duration {
	if d.north != nil {
		return hitless
	}
	return interruption
}

// plugOf is a swap's plug with the port that the router has in Neutron.
func (s swap) plugOf(port, network string) ovn.Plug {
	return ovn.Plug{ID: string(s.plug), Router: s.Router, MAC: s.MAC, Addresses: s.Addresses, Port: port, Network: network}
}

// ready refuses a swap that cannot be held, before anything of it is done.
func (v *view) ready(ctx context.Context, s swap) error {
	return v.standing(s, func(p ovn.Plug, to string) error { return v.d.north.Ready(ctx, p, to) })
}

// hold has something else carry a plug's traffic until tidy, where that is chosen.
func (v *view) hold(ctx context.Context, s swap) error {
	return v.standing(s, func(p ovn.Plug, to string) error { return v.d.north.Hold(ctx, p, to) })
}

func (v *view) standing(s swap, do func(p ovn.Plug, to string) error) error {
	if v.d.north == nil {
		return nil
	}
	from, err := v.neutron(s.From)
	if err != nil {
		return err
	}
	to, err := v.neutron(s.to)
	if err != nil {
		return err
	}
	return do(s.plugOf(s.old, from), to)
}

// release gives a plug's traffic to the port that the router has now.
func (v *view) release(ctx context.Context, s swap) error {
	if v.d.north == nil {
		return nil
	}
	network, err := v.neutron(s.to)
	if err != nil {
		return err
	}
	if err := v.d.north.Settle(ctx, s.plugOf(s.fresh, network)); err != nil || s.to != s.Home {
		return err
	}
	_, err = v.d.network.Put(ctx, v.d.network.ServiceURL("ports", s.fresh), wanted{"port": silenced(nil)}, nil, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	return said("finish the gateway's port on network "+string(s.Home), err)
}

// silent is whether a new port at home is to have no DHCP until it is the router's:
// with DHCP ML2/OVN takes the MAC to be at the port as soon as it is made, and the
// stand-in would lose the traffic to it.
func (v *view) silent(s swap) bool { return v.d.north != nil && s.to == s.Home }

// dhcpOption is an option of a port's DHCP; without value it is removed.
type dhcpOption struct {
	Name    string  `json:"opt_name"`
	Value   *string `json:"opt_value"`
	Version int     `json:"ip_version"`
}

// silenced are the options that switch a port's DHCP off, or with nil no longer do.
func silenced(value *string) wanted {
	return wanted{"extra_dhcp_opts": []dhcpOption{{"dhcp_disabled", value, 4}, {"dhcp_disabled", value, 6}}}
}
