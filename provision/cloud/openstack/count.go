package openstack

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/diagnostics"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var _ cloud.Counting = (*Driver)(nil)

// nic is what a hypervisor has counted at an interface of a server, as the server sees it (compute
// API 2.48, "Show Server Diagnostics"). What it does not count is nil.
type nic struct {
	MAC             string  `json:"mac_address"`
	ReceivedBytes   *uint64 `json:"rx_octets"`
	ReceivedPackets *uint64 `json:"rx_packets"`
	SentBytes       *uint64 `json:"tx_octets"`
	SentPackets     *uint64 `json:"tx_packets"`
}

// Counters are what Nova's diagnostics say of an appliance's server; nothing of one that does not
// run, and of legs that its hypervisor does not count. Another server is another series; that a
// server's own count has begun anew, as after a reboot or on another host, shows when it is less. See
// cloud.Counting.
func (d *Driver) Counters(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) ([]topology.Counter, error) {
	project, err := d.projectOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	v := &view{d: d, tenant: tenant, project: project}
	if v.servers, err = d.servers(ctx, projectTag(project)); err != nil {
		return nil, err
	}
	if v.ports, err = d.ports(ctx, query{"tags": {d.scopeTag() + "," + projectTag(project)}}); err != nil {
		return nil, err
	}
	v.sift()
	var all []topology.Counter
	for _, s := range v.serversOf(id) {
		if !isRunning(s) {
			continue
		}
		nics, err := d.diagnose(ctx, s)
		if err != nil {
			return nil, err
		}
		counters, err := v.countersOf(s, nics)
		if err != nil {
			return nil, err
		}
		all = append(all, counters...)
	}
	return all, nil
}

// countersOf are those of the legs that a server has.
func (v *view) countersOf(s servers.Server, nics []nic) (list []topology.Counter, err error) {
	for _, p := range v.ports {
		if p.mark.Kind != kindLeg || p.DeviceID != s.ID || !v.isLeg(p) {
			continue
		}
		f, err := facts[legFacts](p.mark)
		if err != nil {
			return nil, err
		}
		for _, n := range nics {
			if strings.EqualFold(n.MAC, p.MACAddress) && n.counts() {
				list = append(list, topology.Counter{
					Port: f.Leg.Port, Role: f.Leg.Role, Series: s.ID,
					Received: topology.Traffic{Bytes: *n.ReceivedBytes, Packets: *n.ReceivedPackets},
					Sent:     topology.Traffic{Bytes: *n.SentBytes, Packets: *n.SentPackets},
				})
			}
		}
	}
	return list, nil
}

func (n nic) counts() bool {
	return n.ReceivedBytes != nil && n.ReceivedPackets != nil && n.SentBytes != nil && n.SentPackets != nil
}

// diagnose asks for what is counted at a server's interfaces; none of one that is gone or does not
// run any more. fault.Forbidden when the account may not read it.
func (d *Driver) diagnose(ctx context.Context, s servers.Server) ([]nic, error) {
	var told struct {
		NICs []nic `json:"nic_details"`
	}
	err := diagnostics.Get(ctx, d.compute, s.ID).ExtractInto(&told)
	switch {
	case isMissing(err) || gophercloud.ResponseCodeIs(err, http.StatusConflict):
		return nil, nil
	case gophercloud.ResponseCodeIs(err, http.StatusNotImplemented):
		return nil, nil // its hypervisor counts nothing
	}
	err = said("read the diagnostics of a server", err)
	if errors.Is(err, fault.Forbidden) {
		return nil, &fault.Error{Kind: fault.Forbidden, Err: err, Message: "the account may not read servers' diagnostics, so what passes appliances is not counted: " + mayDiagnose}
	}
	return told.NICs, err
}

const mayDiagnose = "let Nova's policy os_compute_api:os-server-diagnostics include a role of the account"
