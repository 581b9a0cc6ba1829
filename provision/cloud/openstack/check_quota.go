package openstack

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// typicalSize is an appliance's on which an examination judges quotas and flavors.
var typicalSize = size{vcpus: 2, memory: 4096, disk: 10}

// typical is what one service in the path of one network takes, with a management leg,
// a data disk and an OVF environment.
func typical() (need, error) {
	const lan topology.NetworkID = "lan"
	subnet := topology.Subnet{CIDR: netip.MustParsePrefix("192.0.2.0/24"), Gateway: netip.MustParseAddr("192.0.2.1")}
	have := topology.Settle(topology.Fabric{
		Tenant:   "typical",
		Networks: []topology.Network{{ID: lan, Name: "lan", Role: topology.RoleTenant, Subnets: []topology.Subnet{subnet}}},
		Gateways: []topology.Gateway{{ID: "gateway", Name: "gateway", Plugs: []topology.Plug{
			{Port: "plug", Home: lan, At: lan, MAC: "02:00:00:00:00:01", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}}}},
	})
	want, err := topology.Compose(topology.Base(have), []topology.Service{{
		Instance: "typical", Name: "typical", Zones: topology.Bridged, Management: netip.MustParsePrefix("198.51.100.2/24"),
		NICs:     []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: lan, Pair: 1}},
	}})
	if err != nil {
		return nil, err
	}
	steps, err := topology.Plan(have, want)
	if err != nil {
		return nil, err
	}
	machines := map[topology.ApplianceID]cloud.Server{}
	for _, a := range want.Appliances {
		machines[a.ID] = cloud.Server{VCPUs: typicalSize.vcpus, MemoryBytes: int64(typicalSize.memory) << 20, Environment: []byte{0},
			Disks: []cloud.Disk{{ID: "system", CapacityBytes: int64(typicalSize.disk) << 30}, {ID: "data", CapacityBytes: 10 << 30}}}
	}
	return needs(steps, machines), nil
}

// quotas looks for how many typical services there is room.
func (e *examination) quotas(ctx context.Context) {
	takes, err := typical()
	if err != nil {
		e.unknown("quota", "a typical service", err)
		return
	}
	for _, service := range []struct {
		name string
		of   func(context.Context) ([]limit, error)
	}{{"network", e.d.networkLimits}, {"compute", e.d.computeLimits}, {"volume", e.d.volumeLimits}} {
		limits, err := service.of(ctx)
		if err == nil && len(limits) == 0 {
			err = fault.New(fault.Forbidden, "the service does not tell them")
		}
		if err != nil {
			e.unknown("quota", "quotas of "+service.name, err)
		}
		for _, l := range limits {
			if takes[l.Of] > 0 {
				e.add(l.judge(takes))
			}
		}
	}
}

// judge says whether there is room for one typical service more, and for how many.
func (l limit) judge(takes need) cloud.Finding {
	f := cloud.Finding{Area: "quota", Need: fmt.Sprintf("%s, of which a typical service needs %d", l.Of, takes[l.Of]), Verdict: cloud.Met, Found: "no limit"}
	switch {
	case short([]limit{l}, takes) != nil:
		f.Verdict, f.Kind = cloud.Missing, fault.Full
		f.Found = fmt.Sprintf("the quota is %d, and %d are used", l.Most, l.Used)
		f.Remedy = "have an operator raise the quota of the account's project (openstack quota set)"
	case l.Most >= 0:
		f.Found = fmt.Sprintf("the quota is %d, and %d are used: room for %d such services", l.Most, l.Used, (l.Most-l.Used)/takes[l.Of])
	}
	return f
}
