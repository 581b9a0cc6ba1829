package openstack

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// nova serves servers and their interfaces.
func (f *fake) nova(r *http.Request, path []string, body thing) (int, any, *refusal) {
	switch {
	case path[0] != "servers":
		return f.stock(r, path, body)
	case len(path) == 2 && path[1] == "detail":
		return http.StatusOK, thing{"servers": f.filtered("servers", r)}, nil
	case len(path) == 1:
		hints, _ := body["os:scheduler_hints"].(map[string]any)
		return f.boot(body["server"].(map[string]any), hints)
	}
	s := f.things["servers"][path[1]]
	switch {
	case s == nil:
		return 0, nil, refuse(http.StatusNotFound, "itemNotFound", "Instance %s could not be found.", path[1])
	case len(path) == 3 && path[2] == "diagnostics":
		return f.diagnostics(s)
	case len(path) == 2 && r.Method == http.MethodGet:
		return http.StatusOK, thing{"server": s}, nil
	case len(path) == 2:
		for _, p := range f.list("ports") {
			if p.text("device_id") == s.text("id") {
				unbind(p)
			}
		}
		for _, v := range f.list("volumes") {
			if v.text("server") == path[1] {
				v["server"], v["status"] = "", "available"
			}
		}
		delete(f.things["servers"], path[1])
		return http.StatusNoContent, nil, nil
	case len(path) == 4:
		p := f.things["ports"][path[3]]
		if p == nil || p.text("device_id") != s.text("id") {
			return 0, nil, refuse(http.StatusNotFound, "itemNotFound", "Port id %s is not attached", path[3])
		}
		if r.Method == http.MethodGet {
			return http.StatusOK, thing{"interfaceAttachment": thing{"port_id": p["id"], "net_id": p["network_id"]}}, nil
		}
		unbind(p)
		return http.StatusAccepted, nil, nil
	}
	p := f.things["ports"][fmt.Sprint(body["interfaceAttachment"].(map[string]any)["port_id"])]
	if err := f.bind(s, p); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, thing{"interfaceAttachment": thing{"port_id": p["id"], "net_id": p["network_id"]}}, nil
}

// diagnostics are what a server's interfaces have counted.
func (f *fake) diagnostics(s thing) (int, any, *refusal) {
	if s.text("status") != "ACTIVE" {
		return 0, nil, refuse(http.StatusConflict, "conflictingRequest", "Cannot 'get_diagnostics' instance %s while it is in vm_state stopped", s["id"])
	}
	nics := []thing{}
	for _, p := range f.list("ports") {
		if p.text("device_id") == s.text("id") {
			n := f.passed[p.text("id")]
			nics = append(nics, thing{"mac_address": strings.ToUpper(p.text("mac_address")),
				"rx_octets": n * 98, "rx_packets": n, "tx_octets": n * 98, "tx_packets": n, "rx_drop": nil})
		}
	}
	return http.StatusOK, thing{"state": "running", "nic_details": nics}, nil
}

// carry is that a packet and its answer passed appliances on the way from a network.
func (f *fake) carry(passed []topology.ApplianceID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.list("ports") {
		m, ok := readMark(texts(p["tags"]))
		facts, err := facts[legFacts](m)
		if !ok || m.Kind != kindLeg || err != nil || !slices.Contains(passed, facts.Appliance.ID) || facts.Leg.Pair != 1 {
			continue
		}
		f.passed[p.text("id")]++
	}
}

func (f *fake) boot(s, hints thing) (int, any, *refusal) {
	nics, _ := s["networks"].([]any)
	delete(s, "networks")
	s["id"] = uuid.NewString()
	if err := f.equipped(s, hints); err != nil {
		return 0, nil, err
	}
	s["status"], s["OS-SRV-USG:launched_at"] = "ACTIVE", time.Now().UTC().Format("2006-01-02T15:04:05.000000")
	f.put("servers", s)
	for _, n := range nics {
		if err := f.bind(s, f.things["ports"][fmt.Sprint(n.(map[string]any)["port"])]); err != nil {
			delete(f.things["servers"], s.text("id"))
			return 0, nil, err
		}
	}
	return http.StatusAccepted, thing{"server": s}, nil
}

func (f *fake) bind(s, p thing) *refusal {
	switch {
	case p == nil:
		return refuse(http.StatusBadRequest, "badRequest", "Port could not be found.")
	case p.text("device_id") != "":
		return refuse(http.StatusBadRequest, "badRequest", "Port %s is still in use.", p["id"])
	case p["project_id"] != f.list("projects")[0]["id"]:
		return refuse(http.StatusBadRequest, "badRequest", "Port %s not usable for instance.", p["id"])
	}
	p["device_id"], p["device_owner"], p["status"] = s["id"], "compute:nova", "ACTIVE"
	delete(f.passed, p.text("id"))
	return nil
}

func unbind(p thing) { p["device_id"], p["device_owner"], p["status"] = "", "", "DOWN" }
