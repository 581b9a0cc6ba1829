package openstack

import (
	"context"
	"crypto/rand"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// suiteTenants are those of the suite's parts.
var suiteTenants = []string{"a", "b", "managed", "bare", "t0", "t1", "t2", "t3"}

// unable are the parts of the suite that this driver cannot do, and why.
func unable() map[string]string {
	reasons := map[string]string{}
	for _, part := range []string{
		"a gateway sends the flows it is told through a service, and no others",
		"members of a service come and go without disturbing others' flows",
		"each gateway redirects its own networks' flows",
	} {
		reasons[part] = "routers redirect by OVN's northbound database alone"
	}
	return reasons
}

// newTestDriver signs in to a cloud; its servers are made of what kit says.
func newTestDriver(t *testing.T, o Options, k kit) *Driver {
	t.Helper()
	o.Scope = "t" + strings.ToLower(rand.Text()[:9])
	d, err := newDriver(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	d.prepare = func(context.Context, boot) (kit, error) { return k, nil }
	d.discard = func(context.Context, topology.TenantID, topology.ApplianceID) error { return nil }
	d.listed = func(context.Context) ([]cloud.Resource, error) { return nil, nil }
	return d
}

// onFake is a driver on a cloud in memory.
func onFake(t *testing.T, f *fake) *Driver {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
clouds:
  fake:
    region_name: one
    auth: {auth_url: "`+f.URL+`/v3", username: broker, password: secret, project_name: service, user_domain_name: Default, project_domain_name: Default}
`), 0o600))
	return newTestDriver(t, Options{Cloud: "fake", File: file}, kit{Flavor: "small", Image: "an-image"})
}

// drawn is a wire whose packets go where the topology says, and are counted by a fake.
type drawn struct{ by *fake }

func (drawn) plug(*bed, ports.Port, netip.Prefix, netip.Addr) error { return nil }
func (drawn) unplug(ports.Port)                                     {}
func (drawn) booted(*bed, topology.Fabric) error                    { return nil }
func (d drawn) trace(_ *bed, f topology.Fabric, from ports.Port, host cloud.Host, to netip.Addr) ([]topology.ApplianceID, bool, error) {
	echo := topology.Flow{Direction: topology.Outbound, Protocol: topology.ICMP, Local: host.Address.Addr(), Remote: to}
	if to.Is6() {
		echo.Protocol = topology.ICMPv6
	}
	network := topology.NetworkID(from.NetworkID)
	way, reached := topology.RouteOf(f, network, echo)
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.Home == network && slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool { return a.Addr() == to }) {
				way, reached = topology.RouteTo(f, network, g.ID, echo)
			}
		}
	}
	for _, n := range f.Networks {
		for _, s := range n.Subnets {
			if n.Role == topology.RoleTenant && n.ID != network && s.CIDR.Contains(to) {
				way, reached = topology.Across(f, network, n.ID, echo)
			}
		}
	}
	var passed []topology.ApplianceID
	for _, hop := range way {
		if hop.Appliance != "" {
			passed = append(passed, hop.Appliance)
		}
	}
	if d.by != nil {
		d.by.carry(passed)
	}
	return passed, reached, nil
}

func TestContract(t *testing.T) {
	t.Parallel()
	cloudtest.RunExcept(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		f := newFake(t)
		return cloudtest.Bed{
			Cloud:       newBed(t, onFake(t, f), drawn{f}, suiteTenants...),
			Server:      func() cloud.Server { return cloud.Server{} },
			BootTimeout: time.Minute,
		}
	}, unable())
}
