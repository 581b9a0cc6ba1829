package cloud

import (
	"net/netip"
	"regexp"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// DefaultGateway is the name of the gateway of networks that name none.
const DefaultGateway = "gateway"

// Target is what a trace goes to: a host, or a gateway of the traced host's
// network; the zero value is the gateway that the host uses.
type Target struct {
	Host    string             `json:"host,omitempty"`
	Gateway topology.GatewayID `json:"gateway,omitempty"`
}

// A name begins with a letter, so that it is never taken for an address.
var gatewayNames = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,30}[a-z0-9])?$`)

// maxGateways bounds what one network may be plugged into.
const maxGateways = 8

// Gateways are the gateways that a network is to be plugged into, the one that its
// hosts use first. Invalid for names that cannot be.
func Gateways(names []string) ([]string, error) {
	if len(names) == 0 {
		return []string{DefaultGateway}, nil
	}
	if len(names) > maxGateways {
		return nil, fault.New(fault.Invalid, "a network can be plugged into %d gateways, not into %d", maxGateways, len(names))
	}
	for i, name := range names {
		switch {
		case !gatewayNames.MatchString(name):
			return nil, fault.New(fault.Invalid, "the gateway name %.60q must be 1 to 32 small letters, digits and dashes, a letter first", name)
		case slices.Contains(names[:i], name):
			return nil, fault.New(fault.Invalid, "the gateway %q is named twice", name)
		}
	}
	return names, nil
}

// PlugAddresses are what a gateway has on a network, by its place among those that
// the network is plugged into: the subnets' gateway addresses for the first one, and
// for each further one those behind them.
func PlugAddresses(n topology.Network, place int) (list []netip.Prefix, err error) {
	for _, s := range n.Subnets {
		if !s.Gateway.IsValid() {
			continue
		}
		a := s.Gateway
		for range place {
			a = a.Next()
		}
		if !s.CIDR.Contains(a) || place > 0 && a.Is4() && !s.CIDR.Contains(a.Next()) {
			return nil, fault.New(fault.Invalid, "network %q has no address behind its gateway's %s for another gateway", n.ID, s.Gateway)
		}
		list = append(list, netip.PrefixFrom(a, s.CIDR.Bits()))
	}
	return list, nil
}

// Plugged are the names of the gateways that a network is plugged into, the one that
// its hosts use first, by what their plugs have there.
func Plugged(f topology.Fabric, n topology.Network) (names []string) {
	for place := range maxGateways {
		want, err := PlugAddresses(n, place)
		if err != nil {
			break
		}
		for _, g := range f.Gateways {
			for _, p := range g.Plugs {
				if p.Home == n.ID && len(want) > 0 && slices.Equal(p.Addresses, want) {
					names = append(names, g.Name)
				}
			}
		}
	}
	for _, g := range f.Gateways { // those of other clouds
		if !slices.Contains(names, g.Name) && slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return p.Home == n.ID }) {
			names = append(names, g.Name)
		}
	}
	return names
}
