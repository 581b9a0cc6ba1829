package openstack

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A floating IP is a port's, in whose range the router has an interface. While the
// gateway of a network is not plugged in there, a host's own port is of no use to it:
// the outside leg before the gateway has the host's address beside, and the floating IP
// is the leg's. The router sends to that address as before, and the host answers, behind
// the appliance, for a leg carries others' addresses and answers to none.
//
// A plug's record says which floating IPs are owed to hosts behind it, from before they
// are taken from one port until another one has them.

// leaning is a floating IP of a host behind a plug.
type leaning struct {
	ID      string     `json:"i"`
	Address netip.Addr `json:"a"` // the host's
}

// maxLeaning is how many floating IPs a plug's record has room for.
const maxLeaning = 20

// floating is a floating IP as Neutron tells it.
type floating struct {
	ID         string `json:"id"`
	FloatingIP string `json:"floating_ip_address"`
	FixedIP    string `json:"fixed_ip_address"`
	PortID     string `json:"port_id"`
	Forwarded  []struct {
		Internal string `json:"internal_ip_address"`
	} `json:"port_forwardings"`
}

func (d *Driver) floatingIPs(ctx context.Context, q query) (list []floating, err error) {
	pages, err := floatingips.List(d.network, q).AllPages(ctx)
	if err == nil {
		err = floatingips.ExtractFloatingIPsInto(pages, &list)
	}
	return list, listing("floating IPs", err)
}

// leaningOn are the floating IPs of hosts behind a plug. It refuses those with forwarded
// ports, which Neutron ties to hosts' own ports, and more of them than can be kept.
func (v *view) leaningOn(ctx context.Context, s swap) (list []floating, err error) {
	all, err := v.d.floatingIPs(ctx, query{"router_id": {s.Router}})
	if err != nil {
		return nil, err
	}
	var forwarded []string
	for _, ip := range all {
		if s.behind(ip.FixedIP) {
			list = append(list, ip)
		}
		for _, f := range ip.Forwarded {
			if name := ip.FloatingIP + " to " + f.Internal; s.behind(f.Internal) && !slices.Contains(forwarded, name) {
				forwarded = append(forwarded, name)
			}
		}
	}
	switch {
	case len(forwarded) > 0:
		return nil, fault.New(fault.Conflict, "the gateway of network %s cannot move while ports are forwarded to hosts behind it (%s): take the forwardings off, and put them back after", s.Home, strings.Join(forwarded, ", "))
	case len(list) > maxLeaning:
		return nil, fault.New(fault.Conflict, "the gateway of network %s cannot move while more than %d hosts behind it have floating IPs: it has %d", s.Home, maxLeaning, len(list))
	}
	return list, nil
}

// behind says whether an address is in one of the plug's ranges.
func (f plugFacts) behind(address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Masked().Contains(a) })
}

// owe notes floating IPs that are going to be taken from their ports.
func (k *kept) owe(list []floating) {
	for _, ip := range list {
		a, err := netip.ParseAddr(ip.FixedIP)
		if err == nil && !slices.ContainsFunc(k.Leaning, func(l leaning) bool { return l.ID == ip.ID }) {
			k.Leaning = append(k.Leaning, leaning{ip.ID, a})
		}
	}
}

// takeOff takes floating IPs from their ports.
func (d *Driver) takeOff(ctx context.Context, list []floating) error {
	for _, ip := range list {
		if err := d.associate(ctx, ip.ID, nil, ""); err != nil {
			return said("take floating IP "+ip.FloatingIP+" off", err)
		}
	}
	return nil
}

// associate gives a floating IP to a port's address, or with a nil port to none.
func (d *Driver) associate(ctx context.Context, id string, port any, address string) error {
	w := wanted{"port_id": port}
	if address != "" {
		w["fixed_ip_address"] = address
	}
	return d.change(ctx, "floatingips", "floatingip", id, w)
}

func (d *Driver) change(ctx context.Context, collection, kind, id string, w wanted) error {
	_, err := d.network.Put(ctx, d.network.ServiceURL(collection, id), wanted{kind: w}, nil, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	return err
}

// payBack gives the floating IPs that are owed to hosts behind a plug to them, where the
// plug is now. One that is gone, or that the tenant has given to another port meanwhile,
// is owed no more; nor is one whose host is gone.
func (v *view) payBack(ctx context.Context, s *swap) error {
	for len(s.Leaning) > 0 {
		owed := s.Leaning[0]
		found, err := v.d.floatingIPs(ctx, query{"id": {owed.ID}})
		if err != nil {
			return err
		}
		if len(found) == 1 && found[0].PortID == "" {
			port, err := v.bearer(ctx, *s, owed.Address)
			if err != nil {
				return err
			}
			if port == "" && s.to != s.Home {
				return nil // the next leg that is plugged in there has all of them
			}
			if port != "" {
				if err := v.d.associate(ctx, owed.ID, port, owed.Address.String()); err != nil {
					return said("give floating IP "+found[0].FloatingIP+" to "+owed.Address.String()+" again", err)
				}
			}
		}
		s.Leaning = s.Leaning[1:]
	}
	return nil
}

// bearer is the port that has a floating IP for a host's address; empty when there is none.
func (v *view) bearer(ctx context.Context, s swap, host netip.Addr) (string, error) {
	if s.to == s.Home {
		found, err := v.d.ports(ctx, query{"network_id": {string(s.Home)}, "fixed_ips": {"ip_address=" + host.String()}})
		if err != nil || len(found) == 0 {
			return "", err
		}
		return found[0].ID, nil
	}
	legs, err := v.outsideLegs(ctx, s.to)
	if err != nil || len(legs) == 0 {
		return "", err
	}
	leg := legs[0]
	if slices.ContainsFunc(leg.FixedIPs, func(ip ports.IP) bool { return ip.IPAddress == host.String() }) {
		return leg.ID, nil
	}
	subnets, err := v.landing(ctx, s)
	if err != nil {
		return "", err
	}
	for i, a := range s.Addresses {
		if a.Masked().Contains(host) {
			ips := append(slices.Clone(leg.FixedIPs), ports.IP{SubnetID: subnets[i], IPAddress: host.String()})
			err := v.d.change(ctx, "ports", "port", leg.ID, wanted{"fixed_ips": ips})
			return leg.ID, said("give port "+leg.ID+" the address of a host behind it", err)
		}
	}
	return "", nil
}

// outsideLegs are the outside legs on a network as they are now, those first that a
// server has.
func (v *view) outsideLegs(ctx context.Context, at topology.NetworkID) (list []port, err error) {
	network, err := v.neutron(at)
	if err != nil {
		return nil, err
	}
	found, err := v.d.ports(ctx, query{"network_id": {network}, "project_id": {v.d.project}})
	for _, p := range found {
		f, wrong := facts[legFacts](p.mark)
		if p.mark.Kind == kindLeg && wrong == nil && f.Leg.Role == topology.Outside && p.mark.Tenant == v.tenant {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b port) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return list, err
}

// unburden takes the addresses of hosts behind a plug from the legs on a network that it
// has left.
func (v *view) unburden(ctx context.Context, s swap) error {
	if s.From == s.Home || s.From == s.to {
		return nil
	}
	if _, there := v.network(s.From); !there {
		return nil
	}
	legs, err := v.outsideLegs(ctx, s.From)
	if err != nil {
		return err
	}
	for _, leg := range legs {
		others := slices.DeleteFunc(slices.Clone(leg.FixedIPs), func(ip ports.IP) bool { return s.behind(ip.IPAddress) })
		if len(others) == len(leg.FixedIPs) {
			continue
		}
		if err := v.d.change(ctx, "ports", "port", leg.ID, wanted{"fixed_ips": append([]ports.IP{}, others...)}); err != nil {
			return said("take hosts' addresses from port "+leg.ID, err)
		}
	}
	return nil
}
