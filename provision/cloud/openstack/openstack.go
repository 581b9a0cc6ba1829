package openstack

import (
	"context"
	"log/slog"
	"net/netip"
	"regexp"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Options say which cloud and how. What is left out is as every OpenStack tool has
// it: OS_CLOUD and clouds.yaml, or else OS_AUTH_URL and its like.
type Options struct {
	Scope  string // tells this broker's things from another's in the same cloud; 1 to 20 small letters, digits and dashes
	Cloud  string // the name in clouds.yaml
	File   string // a clouds.yaml elsewhere than where it is looked for
	Region string
	CA     string // a file of certificates that the cloud's may be signed by, beside the system's
	Retain bool   // keep the volumes of appliances that are removed
	Log    *slog.Logger

	// Management names a network of the operator's, or gives its id, which the management
	// legs of all tenants' appliances share and which the broker reaches. Empty: each
	// tenant has a management network of its own, and nobody reaches it from outside.
	Management string
	// ManagementFrom are the ranges from which appliances may be reached there, beside
	// those of the same tenant.
	ManagementFrom []netip.Prefix

	Cutover    string      // how a gateway's plug moves: CutoverAPI, also when empty, or CutoverOVN
	Northbound ovn.Options // the database that CutoverOVN needs
}

// Driver is the openstack cloud, over reads that may lag behind writes: see Open.
type Driver struct {
	*session
	scope string
	north *ovn.Northbound // nil: plugs move by API alone
	// announcing is for how long gateways that have moved are announced.
	announcing time.Duration
	log        *slog.Logger

	management *management // nil: each tenant has a network of its own

	seen  sightings
	depot depot // of what servers are made from
	// prepare gives what a server is made from; see kit.
	prepare func(ctx context.Context, b boot) (kit, error)
	// discard removes what prepare made for an appliance; nothing there is no error.
	discard func(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) error
	// listed are the things that prepare has made and that carry our marks.
	listed func(ctx context.Context) ([]cloud.Resource, error)
}

// boot is an appliance that is to be started.
type boot struct {
	tenant    topology.TenantID
	project   string // the tenant's
	appliance topology.Appliance
	server    cloud.Server
}

// kit is what a server is made from beside its ports.
type kit struct {
	Flavor      string                // its id
	Image       string                // its id; empty when the first of Disks boots
	Disks       []servers.BlockDevice // in boot order, then the CD of the environment
	ConfigDrive bool
	UserData    []byte
	Hints       servers.SchedulerHintOptsBuilder // placement; nil for none
}

var scopes = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)

func badScope(scope string) error {
	return fault.New(fault.Invalid, "the scope %.30q must be 1 to 20 small letters, digits and dashes", scope)
}

// newDriver signs in.
func newDriver(ctx context.Context, o Options) (*Driver, error) {
	if !scopes.MatchString(o.Scope) {
		return nil, badScope(o.Scope)
	}
	north, err := northbound(o)
	if err != nil {
		return nil, err
	}
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if s.unverified() {
		o.Log.Warn("certificates of the cloud are not verified (verify: false in clouds.yaml): whoever is in between can read passwords and tokens")
	}
	d := &Driver{session: s, scope: o.Scope, north: north, announcing: announcing, log: o.Log, depot: depot{retain: o.Retain}}
	d.prepare, d.discard, d.listed = d.equip, d.strip, d.inventory
	d.management, err = d.sharedManagement(ctx, o)
	return d, err
}

// Name is "openstack".
func (d *Driver) Name() string { return "openstack" }

// Close ends idle connections; what runs in the cloud goes on running.
func (d *Driver) Close() error {
	d.provider.HTTPClient.CloseIdleConnections()
	return nil
}
