package openstack

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// make checks what is to be made and fills in what Neutron would.
func (f *fake) make(collection string, t thing) *refusal {
	if t["tags"] == nil {
		t["tags"] = []string{}
	}
	switch collection {
	case "networks":
		t["subnets"], t["mtu"], t["status"] = []any{}, 1450, "ACTIVE"
	case "routers":
		t["routes"] = []any{}
	case "subnets":
		return f.makeSubnet(t)
	case "ports":
		return f.makePort(t)
	case "security-groups":
		t["security_group_rules"] = []thing{}
	case "security-group-rules":
		g := f.things["security-groups"][t.text("security_group_id")]
		if g == nil {
			return refuse(http.StatusNotFound, "SecurityGroupNotFound", "Security group %s does not exist", t["security_group_id"])
		}
		rules := g["security_group_rules"].([]thing)
		for _, r := range rules {
			if r.text("remote_ip_prefix") == t.text("remote_ip_prefix") && r.text("remote_group_id") == t.text("remote_group_id") {
				return refuse(http.StatusConflict, "SecurityGroupRuleExists", "Security group rule already exists.")
			}
		}
		g["security_group_rules"] = append(rules, t)
	}
	return nil
}

func (f *fake) makeSubnet(t thing) *refusal {
	if f.things["networks"][t.text("network_id")] == nil {
		return refuse(http.StatusNotFound, "NetworkNotFound", "Network %s could not be found.", t["network_id"])
	}
	cidr := netip.MustParsePrefix(t.text("cidr"))
	for _, o := range f.list("subnets") {
		if o.text("network_id") == t.text("network_id") && cidr.Overlaps(netip.MustParsePrefix(o.text("cidr"))) {
			return refuse(http.StatusBadRequest, "InvalidInput", "Requested subnet with cidr: %s overlaps with another subnet.", cidr)
		}
	}
	return nil
}

func (f *fake) makePort(t thing) *refusal {
	if f.things["networks"][t.text("network_id")] == nil {
		return refuse(http.StatusNotFound, "NetworkNotFound", "Network %s could not be found.", t["network_id"])
	}
	if t.text("mac_address") == "" {
		t["mac_address"] = f.freeMAC()
	}
	for _, o := range f.list("ports") {
		if o.text("network_id") != t.text("network_id") {
			continue
		}
		if o.text("mac_address") == t.text("mac_address") {
			return refuse(http.StatusConflict, "MacAddressInUse", "Unable to complete operation for network %s. The mac address %s is in use.", t["network_id"], t["mac_address"])
		}
		for _, a := range addresses(t) {
			if slices.Contains(addresses(o), a) {
				return refuse(http.StatusConflict, "IpAddressAlreadyAllocated", "IP address %s already allocated in subnet", a)
			}
		}
	}
	for _, ip := range ipsOf(t) {
		subnet := f.things["subnets"][fmt.Sprint(ip["subnet_id"])]
		if subnet == nil || subnet.text("network_id") != t.text("network_id") {
			return refuse(http.StatusBadRequest, "InvalidInput", "Failed to create port on network %s, because fixed_ips included invalid subnet", t["network_id"])
		}
	}
	for key, value := range map[string]any{"device_id": "", "device_owner": "", "status": "DOWN", "name": "", "description": "", "admin_state_up": true} {
		if t[key] == nil {
			t[key] = value
		}
	}
	return nil
}

// freeMAC is one that no port has: of the many that tests make, two would have the same.
func (f *fake) freeMAC() string {
	for {
		mac := fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", rand.IntN(256), rand.IntN(256), rand.IntN(256))
		if !slices.ContainsFunc(f.list("ports"), func(p thing) bool { return p.text("mac_address") == mac }) {
			return mac
		}
	}
}

func ipsOf(t thing) (list []map[string]any) {
	ips, _ := t["fixed_ips"].([]any)
	for _, ip := range ips {
		list = append(list, ip.(map[string]any))
	}
	return list
}

// remove checks whether a thing can go, and takes with it what goes along.
func (f *fake) remove(collection string, t thing) *refusal {
	switch collection {
	case "networks":
		for _, p := range f.list("ports") {
			if p.text("network_id") == t.text("id") {
				return refuse(http.StatusConflict, "NetworkInUse", "Unable to complete operation on network %s. There are one or more ports still in use on the network.", t["id"])
			}
		}
		for _, s := range f.list("subnets") {
			if s.text("network_id") == t.text("id") {
				delete(f.things["subnets"], s.text("id"))
			}
		}
	case "ports":
		if strings.HasPrefix(t.text("device_owner"), "network:router") {
			return refuse(http.StatusConflict, "ServicePortInUse", "Port %s cannot be deleted directly via the port API: has device owner network:router_interface.", t["id"])
		}
		for _, ip := range f.list("floatingips") {
			if ip.text("port_id") == t.text("id") {
				ip["port_id"], ip["router_id"], ip["fixed_ip_address"] = nil, nil, nil
			}
		}
	case "security-groups":
		for _, p := range f.list("ports") {
			if slices.Contains(texts(p["security_groups"]), t.text("id")) {
				return refuse(http.StatusConflict, "SecurityGroupInUse", "Security Group %s in use.", t["id"])
			}
		}
	case "routers":
		for _, p := range f.list("ports") {
			if p.text("device_id") == t.text("id") {
				return refuse(http.StatusConflict, "RouterInUse", "Router %s still has ports", t["id"])
			}
		}
	}
	return nil
}

func (f *fake) routerCall(r thing, call string, body thing) (int, any, *refusal) {
	switch call {
	case "add_router_interface":
		return f.addInterface(r, f.things["ports"][body.text("port_id")])
	case "remove_router_interface":
		return f.removeInterface(r, f.things["ports"][body.text("port_id")])
	case "add_extraroutes", "remove_extraroutes":
		routes, _ := r["routes"].([]any)
		changed, _ := body["router"].(map[string]any)["routes"].([]any)
		routes = slices.DeleteFunc(slices.Clone(routes), func(o any) bool {
			return slices.ContainsFunc(changed, func(c any) bool { return fmt.Sprint(c) == fmt.Sprint(o) })
		})
		if call == "add_extraroutes" {
			routes = append(routes, changed...)
		}
		r["routes"] = routes
		return http.StatusOK, thing{"router": r}, nil
	}
	return 0, nil, refuse(http.StatusNotFound, "NotFound", "no such call")
}

// addInterface keeps Neutron's rules: of one port one IPv4 range at most, of one
// router no two legs in overlapping ranges.
func (f *fake) addInterface(r, p thing) (int, any, *refusal) {
	switch {
	case p == nil:
		return 0, nil, refuse(http.StatusNotFound, "PortNotFound", "Port could not be found.")
	case p.text("device_id") != "":
		return 0, nil, refuse(http.StatusConflict, "PortInUse", "Port %s is in use.", p["id"])
	case len(ipsOf(p)) == 0:
		return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "Router port must have at least one fixed IP")
	}
	fours := 0
	for _, mine := range f.ranges(p) {
		if mine.Addr().Is4() {
			fours++
		}
		for _, o := range f.list("ports") {
			for _, other := range f.ranges(o) {
				if o.text("device_id") == r.text("id") && other.Overlaps(mine) {
					return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "Cidr %s of subnet overlaps with cidr %s of subnet", mine, other)
				}
			}
		}
	}
	if fours > 1 {
		return 0, nil, refuse(http.StatusBadRequest, "BadRequest", "Cannot have multiple IPv4 subnets on router port")
	}
	if f.north != nil {
		f.north.Plug(r.text("id"), p.text("id"), p.text("mac_address"), f.wide(p)...)
	}
	p["device_id"], p["device_owner"], p["status"] = r["id"], "network:router_interface", "ACTIVE"
	return http.StatusOK, thing{"id": r["id"], "port_id": p["id"], "subnet_id": ipsOf(p)[0]["subnet_id"], "tenant_id": r["project_id"]}, nil
}

func (f *fake) ranges(p thing) (list []netip.Prefix) {
	for _, ip := range ipsOf(p) {
		if s := f.things["subnets"][fmt.Sprint(ip["subnet_id"])]; s != nil {
			list = append(list, netip.MustParsePrefix(s.text("cidr")))
		}
	}
	return list
}

// removeInterface deletes the port, and is refused while floating IPs or routes lean
// on it.
func (f *fake) removeInterface(r, p thing) (int, any, *refusal) {
	if p == nil || p.text("device_id") != r.text("id") {
		return 0, nil, refuse(http.StatusNotFound, "RouterInterfaceNotFound", "Router %s does not have an interface with that id", r["id"])
	}
	inside := func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && slices.ContainsFunc(f.ranges(p), func(x netip.Prefix) bool { return x.Contains(a) })
	}
	for _, ip := range f.list("floatingips") {
		if ip.text("router_id") == r.text("id") && inside(ip.text("fixed_ip_address")) {
			return 0, nil, refuse(http.StatusConflict, "RouterInterfaceInUseByFloatingIP", "Router interface for subnet on router %s cannot be deleted, as it is required by one or more floating IPs.", r["id"])
		}
	}
	routes, _ := r["routes"].([]any)
	for _, route := range routes {
		if inside(fmt.Sprint(route.(map[string]any)["nexthop"])) {
			return 0, nil, refuse(http.StatusConflict, "RouterInterfaceInUseByRoute", "Router interface for subnet on router %s cannot be deleted, as it is required by one or more routes.", r["id"])
		}
	}
	for _, c := range f.list("flow_classifiers") {
		if c["logical_source_port"] == p["id"] { // as networking-sfc has it
			return 0, nil, refuse(http.StatusInternalServerError, "HTTPInternalServerError", "Request Failed: internal server error while processing your request.")
		}
	}
	delete(f.things["ports"], p.text("id"))
	if f.north != nil {
		f.north.Unplug(r.text("id"), p.text("id"), f.wide(p)...)
		f.erased("ports", p)
	}
	return http.StatusOK, thing{"id": r["id"], "port_id": p["id"], "subnet_id": ipsOf(p)[0]["subnet_id"], "tenant_id": r["project_id"]}, nil
}
