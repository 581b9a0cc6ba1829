// Package cloud is the contract that every cloud driver meets. The suite in
// cloudtest says the same in tests; a driver that passes it can be trusted with
// any plan of package topology.
//
// All that a driver makes carries a tag with the broker's scope, the tenant and
// the thing's id, and is found again by that tag: drivers keep no state that a
// restart could lose. Tenants' own networks, gateways and hosts are observed,
// never made or removed, except through Testbed.
package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Cloud does the steps of a plan on a real or simulated cloud. All methods may
// be called at the same time for different tenants; for one tenant, calls come
// one at a time. A cancelled context may leave a step half done: doing it again
// completes it.
//
// Errors carry a fault kind: NotFound (a tenant, network or port that is not
// there, or not this tenant's), Invalid (an impossible step), Full (quota or
// space). What passes by itself and is tried again: Unavailable (no answer, or a
// failure there), Busy (it is at work on the same thing), TooMany (asked too
// often); all three may say when, with fault.Error.After. All else is internal.
type Cloud interface {
	// Name is the driver's name in configuration: linux, sim, openstack.
	Name() string

	// Check lists what is missing on this machine or in this account, each with
	// its remedy; empty when the driver can work.
	Check(ctx context.Context) []Problem

	// Observe is the tenant's fabric as it is: its own networks and gateways, and
	// all that was made for it here, found by tag; no call of Do or Boot that has
	// returned is missing from it (Steady sees to that where reads lag). NotFound when
	// the tenant has nothing.
	Observe(ctx context.Context, tenant topology.TenantID) (topology.Fabric, error)

	// Do carries out one step other than boot. Repeated: no further effect. A tenant
	// that has nothing can be given its first network or port; with the last thing
	// all that the driver made to hold them goes.
	// Deleting or shutting down what is not there is no error, and a machine of a
	// later start than the step's is left alone. An await that finds
	// the appliance not forwarding yet answers a *NotYet. A move ends with the
	// moved address announced (gratuitous ARP, unsolicited NA).
	Do(ctx context.Context, tenant topology.TenantID, step topology.Step) error

	// Boot starts the appliance on its ports, which exist. Repeated while it runs:
	// no further effect, whatever the server says. It returns once the machine is
	// started, not once it is ready.
	Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s Server) error

	// Probe says how an appliance is at this moment. It disturbs nothing, and may be
	// called at any time, also while a step is carried out. NotFound when the tenant has
	// nothing; an appliance that is not there does not run.
	Probe(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) (Pulse, error)

	// Dial opens a TCP connection to an address on the tenant's management network. The
	// error wraps ErrNoWay where this can never succeed.
	Dial(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (net.Conn, error)

	// Resources lists all things that carry this broker's tags, of every tenant.
	Resources(ctx context.Context) ([]Resource, error)

	// Interruption is how long the traffic of a network is expected to stop while one
	// of its plugs moves; zero: it does not. It is for people who weigh a plan.
	Interruption() time.Duration

	// Close releases the driver; what runs in the cloud goes on running.
	Close() error
}

// Problem is something that a driver needs and has not got.
type Problem struct {
	What   string `json:"what"`   // "qemu-system-x86_64 is not installed"
	Remedy string `json:"remedy"` // "apt-get install qemu-system-x86"
}

// Server is what an appliance boots from and with. It may hold secrets and is
// never stored or logged.
type Server struct {
	VCPUs       int
	MemoryBytes int64
	Disks       []Disk   // in boot order
	NICModels   []string // per NIC, in the package's order: virtio, e1000, …; empty = virtio
	Environment []byte   // an ISO 9660 image to attach as CD; nil for none
	Firmware    string   // bios or efi; empty = the cloud's choice
	Group       Group    // a cloud of one machine has no use for it
}

// Group is a set of one tenant's appliances that are placed with regard to each other.
type Group struct {
	ID     string // empty: none
	Policy Placement
}

// Placement is what the members of a group want of each other.
type Placement string

// The placements. The first two are kept or the boot is refused.
const (
	Together    Placement = "together"
	Apart       Placement = "apart"
	PreferApart Placement = "prefer-apart"
)

// Affording is a cloud that can say before a plan runs that there is no room for it.
type Affording interface {
	// Afford refuses, with Full, steps that the cloud has no room for beside what is
	// there. Machines are those that the steps boot; only their sizes count.
	Afford(ctx context.Context, steps []topology.Step, machines map[topology.ApplianceID]Server) error
}

// Foreseeing is a cloud on which things of a tenant's own can be in the way of a plan.
type Foreseeing interface {
	// Foresee refuses, with Conflict, steps that would be stopped in the middle by what a
	// tenant has in the cloud, naming it and what to do. Of steps that would not, it says in
	// sentences what else of the tenant's they touch.
	Foresee(ctx context.Context, tenant topology.TenantID, steps []topology.Step) (notes []string, err error)
}

// ErrNoWay is why a cloud cannot reach tenants' management networks at all, however
// the appliance is.
var ErrNoWay = errors.New("the broker has no way to tenants' management networks")

// Managing is a cloud whose tenants may share a management network, which is the
// operator's.
type Managing interface {
	// Management is the range of the shared network, and which of its addresses are
	// taken at this moment, by anybody. The first address is the gateway's. The range is
	// invalid while each tenant has a management network of its own, of any range.
	Management(ctx context.Context) (netip.Prefix, map[netip.Addr]bool, error)
}

// Blind is a cloud that sends no probes: an await says that an appliance runs and is
// wired, and not that it forwards.
type Blind interface {
	Blind() bool
	// Since is when the machine of an appliance was started, by the cloud's clock; zero
	// when it does not run, or the cloud does not tell.
	Since(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) (time.Time, error)
}

// Disk is a virtual disk.
type Disk struct {
	ID            string // in the package
	Digest        string // sha256:… of the image's bytes; empty for a blank disk
	Format        string // vmdk, qcow2, vhd, vhdx, vdi, raw; as read from the image's own header
	CapacityBytes int64
	SizeBytes     int64  // of the image's bytes; 0 for a blank disk
	Bus           string // virtio, ide, scsi, sata; empty = virtio
	// Open streams the image; nil for a blank disk. Drivers cache by Digest.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// NotYet answers an await whose condition does not hold yet.
type NotYet struct {
	Reason string        // for people: "no probe came through fw yet"
	After  time.Duration // when to ask again
}

func (n *NotYet) Error() string { return n.Reason }

// Pulse is how an appliance is.
type Pulse struct {
	Running bool `json:"running"`
	Start   int  `json:"start,omitempty"` // of the machine that runs

	// Stuck says in a sentence that no probe passed through a pair of its legs, one
	// way or the other; empty when they passed both ways through each pair that is
	// plugged in at both ends.
	Stuck string `json:"stuck,omitempty"`
}

// Resource is one thing that carries our tags.
type Resource struct {
	Kind   string            `json:"kind"` // namespace, link, process, file, server, port, network, …
	ID     string            `json:"id"`   // as the cloud names it
	Tenant topology.TenantID `json:"tenant"`
	Detail string            `json:"detail,omitempty"`
}

// Testbed is what drivers add whose tenants have no other way to make networks
// (linux: a branch-office box, the demo) or that exist for tests (sim).
type Testbed interface {
	Cloud

	// CreateNetwork makes a tenant network with a plug of each gateway that is named;
	// none means DefaultGateway. A gateway comes with its first network and goes with
	// its last. The first one named has the subnets' gateway addresses, and hosts use
	// it; see PlugAddresses. Networks of a tenant without a common gateway reach each
	// other through a transit between its gateways. Same again: no effect. Same id,
	// other range or other gateways: Conflict.
	CreateNetwork(ctx context.Context, tenant topology.TenantID, n topology.Network, gateways ...string) error

	// DeleteNetwork removes a tenant network and its hosts. Conflict while services
	// are stitched into it. Absent: no error.
	DeleteNetwork(ctx context.Context, tenant topology.TenantID, id topology.NetworkID) error

	// CreateHost attaches a host to a tenant network. Invalid for an address that one
	// of the network's gateways has.
	CreateHost(ctx context.Context, tenant topology.TenantID, h Host) error

	// Hosts lists a tenant's hosts.
	Hosts(ctx context.Context, tenant topology.TenantID) ([]Host, error)

	// Trace sends packets from a host to its gateway and says which appliances
	// they really passed, in order from the host; reached says whether an answer
	// came back.
	Trace(ctx context.Context, tenant topology.TenantID, host string) (passed []topology.ApplianceID, reached bool, err error)

	// TraceTo is Trace to another host of the tenant, through its gateways, or to a
	// certain one of the gateways of the host's network.
	TraceTo(ctx context.Context, tenant topology.TenantID, host string, to Target) (passed []topology.ApplianceID, reached bool, err error)
}

// Host is a machine on a tenant network.
type Host struct {
	Name    string             `json:"name"` // unique in the tenant
	Network topology.NetworkID `json:"network"`
	Address netip.Prefix       `json:"address"`
}

// Counting is a cloud that counts what passes the legs of appliances.
type Counting interface {
	// Counters are what has passed each leg of an appliance, in any order. It disturbs nothing, and
	// may be called at any time, also while a step is carried out. A leg that is there
	// is counted, whether its machine runs or not; on the same leg the count goes on, or
	// begins another series. NotFound when the tenant has nothing; no counters of an
	// appliance that is not there.
	Counters(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) ([]topology.Counter, error)
}

// CountingOf is a cloud that counts, also behind Steady; false when it does not.
func CountingOf(c Cloud) (Counting, bool) {
	if s, steady := c.(Steady); steady {
		c = s.Cloud
	}
	counts, ok := c.(Counting)
	return counts, ok
}
