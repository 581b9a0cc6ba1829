package topology_test

import (
	"fmt"
	"net/netip"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A firewall is to stand between network lan and its gateway.
func ExamplePlan() {
	have := topology.Fabric{
		Tenant: "acme",
		Networks: []topology.Network{{ID: "lan", Name: "lan", Role: topology.RoleTenant,
			Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.0.0/24"), Gateway: netip.MustParseAddr("10.0.0.1")}}}},
		Gateways: []topology.Gateway{{ID: "gw", Name: "gateway", Plugs: []topology.Plug{{Port: "gw-lan", Home: "lan", At: "lan"}}}},
	}
	firewall := topology.Service{
		Instance: "fw", Name: "fw", Zones: topology.Bridged,
		NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "lan", Pair: 1}},
	}

	want, err := topology.Compose(have, []topology.Service{firewall})
	if err != nil {
		fmt.Println(err)
		return
	}
	steps, err := topology.Plan(have, want)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(topology.Text(steps))

	before, _ := topology.Path(have, "lan")
	after, _ := topology.Path(want, "lan")
	fmt.Printf("\nbefore: %s\nafter:  %s\n", before, after)

	// Output:
	// 1. create segment seg-fw-lan for the traffic of lan (10.0.0.0/24)
	// 2. create port fw-nic0, the inside leg of pair 1 of fw, plugged into lan
	// 3. create port fw-nic1, the outside leg of pair 1 of fw, plugged into seg-fw-lan
	// 4. boot fw on 2 ports
	// 5. wait until a probe passes through fw between lan and seg-fw-lan
	// 6. move port gw-lan of gateway gw from lan to seg-fw-lan: swaps the traffic of lan
	//
	// 6 cloud calls: create-network 1, create-port 2, boot 1, await 1, move 1.
	// Networks that see a swap: lan (1 move).
	//
	// before: lan → gateway
	// after:  lan → fw → gateway
}
