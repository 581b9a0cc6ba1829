// Package cloudtest is the conformance suite of cloud drivers: what package
// cloud says in words, it says in tests. A driver runs it in one test:
//
//	func TestContract(t *testing.T) {
//		cloudtest.Run(t, func(t *testing.T) cloudtest.Bed { … })
//	}
//
// It assumes nothing about speed: it waits as an await's NotYet says, up to
// Bed.BootTimeout. Of MACs and of the ids of ports and gateways it assumes only
// that they stay what they are.
package cloudtest

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
)

// Bed is a cloud under test and what it takes to test it.
type Bed struct {
	// Cloud has nothing in it, and nobody else makes anything in it.
	Cloud cloud.Testbed

	// Server gives a payload that the driver can boot. Its NICs are management,
	// inside 1, outside 1, inside 2, outside 2; it bridges the two of a number.
	// Without disks it is a double of a machine, which Resources need not list.
	Server func() cloud.Server

	// BootTimeout is how long an appliance may take until it forwards.
	BootTimeout time.Duration

	// Stateless says that gateways look at each packet alone when they redirect: they know
	// nothing of DSCP or of who opened a flow, and a member that joins takes a share of the flows.
	Stateless bool

	// Health is where an appliance booted from Server answers GET /health with
	// 200; its management leg gets this address. Zero when it answers nowhere.
	Health netip.AddrPort
}

// Run tests one driver. newBed is called once for every part, whose clean-up it
// may register and which it may make parallel.
func Run(t *testing.T, newBed func(t *testing.T) Bed) {
	t.Helper()
	RunExcept(t, newBed, nil)
}

// RunExcept is Run without the parts that a cloud cannot do, each by its name with the
// reason. One that is not among the parts fails.
func RunExcept(t *testing.T, newBed func(t *testing.T) Bed, reasons map[string]string) {
	t.Helper()
	reasons = maps.Clone(reasons)
	for _, part := range []struct {
		name string
		run  func(t *testing.T, bed Bed)
	}{
		{"a tenant with nothing is not found", nothing},
		{"a tenant with nothing gets a service, and has nothing after it", alone},
		{"networks come with the gateway's plug and go with their hosts", networks},
		{"hosts are attached to networks and reach the gateway", hosts},
		{"every step of an insertion and of a removal repeats and is undone", everyStep},
		{"impossible steps are refused and change nothing", impossible},
		{"a service is inserted, waited for, reached and removed", insertion},
		{"two services are passed in the order of their chain", chain},
		{"a running appliance takes a second network on its spare pair", sparePair},
		{"an appliance is replaced beside itself and hands its address on", replacement},
		{"a service is bypassed and put back, and its appliance restarted meanwhile", bypass},
		{"an appliance that stands by takes over where the other was", takeover},
		{"what passes an appliance is counted on each of its legs", counting},
		{"a gateway sends the flows it is told through a service, and no others", redirection},
		{"members of a service come and go without disturbing others' flows", members},
		{"networks of several subnets and both versions of IP pass a service", subnets},
		{"networks belong to the gateways that they name and reach each other", gateways},
		{"both plugs of a network with two gateways move with its chain's end", twoGateways},
		{"services stand on both sides of a transit", acrossGateways},
		{"each gateway redirects its own networks' flows", redirectionByGateway},
		{"tenants do not see or touch each other", isolation},
		{"tenants are served at the same time", concurrency},
		{"a cancelled call has no effect that a repetition does not complete", cancellation},
	} {
		reason, left := reasons[part.name]
		delete(reasons, part.name)
		t.Run(part.name, func(t *testing.T) {
			if left {
				t.Skip("this cloud cannot: " + reason)
			}
			bed := newBed(t)
			part.run(t, bed)
			clearAll(t, bed)
		})
	}
	require.Empty(t, reasons, "no such parts")
}
