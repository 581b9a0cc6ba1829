package openstack

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// change checks a change of a thing, and makes what follows from it.
func (f *fake) change(collection string, t, to thing) *refusal {
	switch {
	case collection == "floatingips":
		return f.float(t, to)
	case collection == "ports" && to["fixed_ips"] != nil:
		return f.readdress(t, to)
	}
	return nil
}

// float keeps Neutron's rules: a floating IP is an address of a port, in a range in which
// a router has an interface.
func (f *fake) float(t, to thing) *refusal {
	if to["port_id"] == nil {
		to["router_id"], to["fixed_ip_address"] = nil, nil
		return nil
	}
	p := f.things["ports"][to.text("port_id")]
	if p == nil {
		return refuse(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", to["port_id"])
	}
	for _, ip := range ipsOf(p) {
		if ip["ip_address"] != to["fixed_ip_address"] {
			continue
		}
		for _, o := range f.list("ports") {
			if o.text("device_owner") == "network:router_interface" && slices.ContainsFunc(ipsOf(o), func(x map[string]any) bool { return x["subnet_id"] == ip["subnet_id"] }) {
				to["router_id"] = o["device_id"]
				return nil
			}
		}
		return refuse(http.StatusNotFound, "ExternalGatewayForFloatingIPNotFound", "External network is not reachable from subnet %s. Therefore, cannot associate Port %s with a Floating IP.", ip["subnet_id"], p["id"])
	}
	return refuse(http.StatusBadRequest, "BadRequest", "Bad floatingip request: Port %s does not have fixed ip %s.", p["id"], to["fixed_ip_address"])
}

// readdress refuses addresses of others, and outside of the range, and those taken away
// that a floating IP is of.
func (f *fake) readdress(t, to thing) *refusal {
	var mine []netip.Addr
	for _, ip := range ipsOf(to) {
		s := f.things["subnets"][fmt.Sprint(ip["subnet_id"])]
		a := netip.MustParseAddr(fmt.Sprint(ip["ip_address"]))
		if s == nil || s.text("network_id") != t.text("network_id") || !netip.MustParsePrefix(s.text("cidr")).Contains(a) {
			return refuse(http.StatusBadRequest, "InvalidIpForSubnet", "IP address %s is not a valid IP for the specified subnet.", a)
		}
		for _, o := range f.list("ports") {
			if o.text("id") != t.text("id") && o.text("network_id") == t.text("network_id") && slices.Contains(addresses(o), a) {
				return refuse(http.StatusConflict, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet", a)
			}
		}
		mine = append(mine, a)
	}
	for _, ip := range f.list("floatingips") {
		if ip.text("port_id") == t.text("id") && !slices.Contains(mine, netip.MustParseAddr(ip.text("fixed_ip_address"))) {
			ip["port_id"], ip["router_id"], ip["fixed_ip_address"] = nil, nil, nil
		}
	}
	return nil
}
