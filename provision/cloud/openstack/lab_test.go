package openstack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// labCloud names the cloud of clouds.yaml on which tests may make projects, networks
// and servers; its account is an administrator's. A server there is a network
// namespace of this machine, and its switch is this machine's.
const labCloud = "BUMPWIRE_TEST_OPENSTACK"

// labNorth is the address of the northbound database of a lab with ML2/OVN.
const labNorth = "OVN_NB"

// labOptions move plugs without a gap wherever a lab can.
func labOptions(name string) Options {
	if address := os.Getenv(labNorth); address != "" {
		return Options{Cloud: name, Cutover: CutoverOVN, Northbound: ovn.Options{Address: address}}
	}
	return Options{Cloud: name}
}

// onLab is a driver on a real OpenStack whose servers are made of a tiny image.
func onLab(t *testing.T) *Driver {
	t.Helper()
	name := os.Getenv(labCloud)
	if name == "" {
		t.Skip("NOT TESTED: " + labCloud + " names no OpenStack; make test-openstack starts one")
	}
	d := newTestDriver(t, labOptions(name), kit{})
	pages, err := flavors.ListDetail(d.compute, flavors.ListOpts{}).AllPages(t.Context())
	require.NoError(t, err)
	sizes, err := flavors.ExtractFlavors(pages)
	require.NoError(t, err)
	require.NotEmpty(t, sizes)
	image, err := images.Create(t.Context(), d.image, images.CreateOpts{Name: d.scope, ContainerFormat: "bare", DiskFormat: "raw"}).Extract()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, images.Delete(context.WithoutCancel(t.Context()), d.image, image.ID).ExtractErr())
	})
	require.NoError(t, imagedata.Upload(t.Context(), d.image, image.ID, strings.NewReader(strings.Repeat("\x00", 512))).ExtractErr())
	d.prepare = func(context.Context, boot) (kit, error) { return kit{Flavor: sizes[0].ID, Image: image.ID}, nil }
	return d
}

// labBed is a bed that a test leaves as it was.
func labBed(t *testing.T, d *Driver, tenants ...string) *bed {
	t.Helper()
	b := newBed(t, d, namespaces{t}, tenants...)
	t.Cleanup(func() { b.clear(context.WithoutCancel(t.Context()), t) })
	return b
}

// namespaces is a wire of real packets: a host is a namespace with an interface of
// the switch, an appliance a namespace with a bridge for each pair of legs.
type namespaces struct{ t *testing.T }

func run(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, out)
	}
	return string(out), err
}

func all(commands ...[]string) error {
	for _, c := range commands {
		if _, err := run(c...); err != nil {
			return err
		}
	}
	return nil
}

func hostSpace(p ports.Port) string { return "bwt-" + p.ID[:11] }
func hostLink(p ports.Port) string  { return "tap" + p.ID[:11] }

func (namespaces) plug(_ *bed, p ports.Port, address netip.Prefix, gateway netip.Addr) error {
	space, link := hostSpace(p), hostLink(p)
	version := "-4"
	if address.Addr().Is6() {
		version = "-6"
	}
	return all(
		[]string{"ip", "netns", "add", space},
		[]string{"ovs-vsctl", "add-port", "br-int", link, "--", "set", "Interface", link, "type=internal", fmt.Sprintf("mac=%q", p.MACAddress),
			"external_ids:iface-id=" + p.ID, "external_ids:attached-mac=" + p.MACAddress, "external_ids:iface-status=active"},
		[]string{"ip", "link", "set", link, "netns", space},
		[]string{"ip", "-n", space, "link", "set", link, "address", p.MACAddress, "mtu", "1400", "up"},
		[]string{"ip", "-n", space, "addr", "add", address.String(), "dev", link},
		[]string{"ip", "-n", space, version, "route", "replace", "default", "via", gateway.String(), "dev", link},
	)
}

func (n namespaces) unplug(p ports.Port) {
	for _, c := range [][]string{{"ovs-vsctl", "--if-exists", "del-port", "br-int", hostLink(p)}, {"ip", "netns", "del", hostSpace(p)}} {
		if _, err := run(c...); err != nil {
			n.t.Log(err)
		}
	}
}

// booted bridges the legs of each pair, in the namespace that is the server. A guest takes
// longer to boot than its ports to be wired: until then a port of Open vSwitch is in all
// networks at once, and two that are bridged make a loop.
func (namespaces) booted(b *bed, f topology.Fabric) error {
	for _, a := range f.Appliances {
		if !a.Booted {
			continue
		}
		space, err := spaceOf(b, f.Tenant, a.ID)
		if err != nil {
			return err
		}
		if err := awaitWired(b, strings.TrimPrefix(space, serverSpace)); err != nil {
			return err
		}
		links, err := linksOf(space)
		if err != nil {
			return err
		}
		for _, l := range a.Legs {
			link := links[l.MAC]
			if l.Pair == 0 || link == "" {
				continue
			}
			bridge := fmt.Sprintf("pair%d", l.Pair)
			if _, err := run("ip", "-n", space, "link", "show", bridge); err != nil {
				if err := all([]string{"ip", "-n", space, "link", "add", bridge, "type", "bridge"}, []string{"ip", "-n", space, "link", "set", bridge, "up"}); err != nil {
					return err
				}
			}
			if err := all([]string{"ip", "-n", space, "addr", "flush", "dev", link}, []string{"ip", "-n", space, "link", "set", link, "master", bridge, "up"}); err != nil {
				return err
			}
		}
	}
	return nil
}

func spaceOf(b *bed, t topology.TenantID, a topology.ApplianceID) (string, error) {
	v, err := b.d.look(context.Background(), t)
	if err != nil {
		return "", err
	}
	list := v.serversOf(a)
	if len(list) == 0 {
		return "", fmt.Errorf("appliance %s has no server", a)
	}
	return serverSpace + list[0].ID, nil
}

// serverSpace is what the namespace of a server begins with.
const serverSpace = "vm-"

// awaitWired waits until Neutron has wired all ports of a server.
func awaitWired(b *bed, server string) error {
	for until := time.Now().Add(wiredWithin); ; time.Sleep(200 * time.Millisecond) {
		found, err := b.d.ports(context.Background(), query{"device_id": {server}})
		if err != nil {
			return err
		}
		late := slices.IndexFunc(found, func(p port) bool { return p.AdminStateUp && p.Status != "ACTIVE" })
		if late < 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("port %s is %s after %v", found[late].ID, found[late].Status, wiredWithin)
		}
	}
}

// linksOf are the names of a namespace's links by their MACs, bridges left out.
func linksOf(space string) (map[string]string, error) {
	out, err := run("ip", "-n", space, "-j", "link")
	if err != nil {
		return nil, err
	}
	var list []struct{ Ifname, Address string }
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, err
	}
	links := map[string]string{}
	for _, l := range list {
		if strings.HasPrefix(l.Ifname, "tap") {
			links[l.Address] = l.Ifname
		}
	}
	return links, nil
}

// probes is how many echo requests a trace sends: many more than what else passes an
// appliance meanwhile.
const probes = 40

// relearned is when a host that hears nothing of its gateway has asked for it again, in front of
// everybody: half a minute or half as long again after it last heard of it, and some seconds for
// asking it alone (Linux's base_reachable_time, delay_first_probe_time, ucast_solicit). ML2/OVN
// takes a gateway to be where it was last heard, and announces nothing.
const relearned = 65 * time.Second

// trace counts what passes the appliances while a host's echo requests go out. Their
// order is the topology's; that each one is passed is what is counted.
func (n namespaces) trace(b *bed, f topology.Fabric, from ports.Port, h cloud.Host, to netip.Addr) ([]topology.ApplianceID, bool, error) {
	reached := false
	for until := time.Now().Add(relearned); !reached && time.Now().Before(until); {
		_, err := run("ip", "netns", "exec", hostSpace(from), "ping", "-c", "1", "-W", "1", to.String())
		reached = err == nil
	}
	before, err := counted(b, f)
	if err != nil || !reached {
		return nil, reached, err
	}
	if _, err := run("ip", "netns", "exec", hostSpace(from), "ping", "-q", "-c", fmt.Sprint(probes), "-i", "0.02", "-W", "2", to.String()); err != nil {
		return nil, false, nil
	}
	after, err := counted(b, f)
	if err != nil {
		return nil, false, err
	}
	way, _, err := drawn{}.trace(b, f, from, h, to)
	var passed []topology.ApplianceID
	for _, a := range way {
		if after[a]-before[a] >= probes {
			passed = append(passed, a)
		}
	}
	for a := range after {
		if after[a]-before[a] >= probes && !slices.Contains(way, a) {
			passed = append(passed, a) // where it should not be
		}
	}
	return passed, true, err
}

// counted is how many packets came in at each appliance's inside legs.
func counted(b *bed, f topology.Fabric) (map[topology.ApplianceID]int, error) {
	count := map[topology.ApplianceID]int{}
	for _, a := range f.Appliances {
		if !a.Booted {
			continue
		}
		space, err := spaceOf(b, f.Tenant, a.ID)
		if err != nil {
			return nil, err
		}
		links, err := linksOf(space)
		if err != nil {
			return nil, err
		}
		for _, l := range a.Legs {
			if l.Role != topology.Inside || links[l.MAC] == "" {
				continue
			}
			out, err := run("ip", "-n", space, "-j", "-s", "link", "show", links[l.MAC])
			if err != nil {
				return nil, err
			}
			var stats []struct {
				Stats64 struct{ RX struct{ Packets int } }
			}
			if err := json.Unmarshal([]byte(out), &stats); err != nil {
				return nil, err
			}
			count[a.ID] += stats[0].Stats64.RX.Packets
		}
	}
	return count, nil
}

func TestContractOnALab(t *testing.T) {
	reasons := unable()
	if os.Getenv(labNorth) != "" {
		for part, reason := range reasons {
			if strings.Contains(reason, "OVN") {
				reasons[part] = "what is for the router itself is not redirected, as the suite's packets are; TestRedirectionOnALab sends others"
			}
		}
	}
	reasons["what passes an appliance is counted on each of its legs"] = "the compute driver of network namespaces makes its diagnostics up"
	cloudtest.RunExcept(t, func(t *testing.T) cloudtest.Bed {
		return cloudtest.Bed{
			Cloud:       labBed(t, onLab(t), suiteTenants...),
			Server:      func() cloud.Server { return cloud.Server{} },
			BootTimeout: 3 * time.Minute,
		}
	}, reasons)
}

// counter counts the calls that change something.
type counter struct {
	http.RoundTripper
	calls *atomic.Int64
}

func (c counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet {
		c.calls.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}
