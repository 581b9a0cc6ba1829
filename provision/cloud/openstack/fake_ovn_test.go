package openstack

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn/ovntest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// written and erased tell the northbound database what Neutron has made and removed.
func (f *fake) written(collection string, t thing) {
	switch {
	case f.north == nil:
	case collection == "networks":
		f.north.AddNetwork(t.text("id"))
	case collection == "routers":
		f.north.AddRouter(t.text("id"))
	case collection == "ports":
		f.north.AddPort(t.text("id"), t.text("network_id"))
	}
}

func (f *fake) erased(collection string, t thing) {
	switch {
	case f.north == nil:
	case collection == "networks":
		f.north.RemoveNetwork(t.text("id"))
	case collection == "routers":
		f.north.RemoveRouter(t.text("id"))
	case collection == "ports":
		f.north.RemovePort(t.text("id"), t.text("network_id"))
	}
}

// wide are a port's addresses with the lengths of their ranges.
func (f *fake) wide(p thing) (list []string) {
	for i, r := range f.ranges(p) {
		list = append(list, netip.PrefixFrom(addresses(p)[i], r.Bits()).String())
	}
	return list
}

// overOVN is a driver on a cloud in memory with ML2/OVN, that moves plugs by it.
func overOVN(t *testing.T) (*fake, *Driver) {
	t.Helper()
	f := newFake(t)
	f.north = ovntest.New(t)
	d := onFake(t, f)
	var err error
	d.announcing = 0
	d.north, err = ovn.New(ovn.Options{Address: f.north.Address}, d.scope)
	require.NoError(t, err)
	return f, d
}

func newOVNSite(t *testing.T) *site {
	t.Helper()
	f, d := overOVN(t)
	return siteOn(t, f, d)
}

var ids = regexp.MustCompile(`[0-9a-f]{32}`)

// north is what there is in the northbound database; ports of routers have new ids.
func (s *site) north() (list []string) {
	for _, r := range s.fake.north.All() {
		list = append(list, ids.ReplaceAllString(r, "ID"))
	}
	slices.Sort(list)
	return list
}

func (s *site) plugMAC() string {
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "network:router_interface" {
			return p.text("mac_address")
		}
	}
	return ""
}

func TestContractOverOVN(t *testing.T) {
	t.Parallel()
	reasons := unable()
	maps.DeleteFunc(reasons, func(_, reason string) bool { return strings.Contains(reason, "OVN") })
	cloudtest.RunExcept(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		f, d := overOVN(t)
		return cloudtest.Bed{
			Cloud:       newBed(t, d, drawn{f}, suiteTenants...),
			Server:      func() cloud.Server { return cloud.Server{} },
			BootTimeout: time.Minute,
			Stateless:   true,
		}
	}, reasons)
}

// At no call of Neutron's is a router without a port that carries the plug's traffic.
func TestTrafficGoesOnThroughASwapOverOVN(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	before, mac := s.north(), s.plugMAC()
	swaps := 0
	s.fake.fault = func(method, path string) int {
		if method != http.MethodGet {
			require.NotEmpty(t, s.fake.north.Carriers(mac), path)
			if strings.HasSuffix(path, "router_interface") {
				swaps++
			}
		}
		return 0
	}
	s.converge(s.fw)
	s.converge()
	require.Equal(t, 4, swaps)
	require.Equal(t, before, s.north())
	require.Equal(t, hitless, s.d.Interruption())
}

// A call that fails: of Neutron's with a status, or before it is heard of; of the
// database's before its effect or after it.
type failing struct {
	name string
	at   func(s *site)
}

func (s *site) failures(run func(*site)) (list []failing) {
	s.t.Helper()
	calls := s.count(func() { run(s) })
	for n := range calls {
		for _, status := range []int{http.StatusServiceUnavailable, -1} {
			list = append(list, failing{fmt.Sprintf("call %d, status %d", n, status), func(s *site) { s.fail(n, status) }})
		}
	}
	for n := range s.fake.north.Changes() {
		for _, effect := range []bool{false, true} {
			list = append(list, failing{fmt.Sprintf("change %d, effect %t", n, effect), func(s *site) { s.fake.north.Fail(n, effect) }})
		}
	}
	return list
}

func TestEveryCallMayFailOnceOverOVN(t *testing.T) {
	t.Parallel()
	list := newOVNSite(t).failures(func(s *site) { s.converge(s.fw); s.converge() })
	t.Logf("%d failures", len(list))
	for _, f := range list {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newOVNSite(t)
			before, north := s.all(), s.north()
			f.at(s)
			s.converge(s.fw)
			s.converge()
			require.Equal(t, before, s.all())
			require.Equal(t, north, s.north())
		})
	}
}

func TestEveryCallMayFailAndAllIsUndoneOverOVN(t *testing.T) {
	t.Parallel()
	requireUndoneOverOVN(t, func(s *site) topology.Service { return s.fw })
}

// requireUndoneOverOVN has each call fail while a service is put in, and all that was done undone.
func requireUndoneOverOVN(t *testing.T, of func(*site) topology.Service) {
	t.Helper()
	for _, f := range newOVNSite(t).failures(func(s *site) { s.converge(of(s)) }) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newOVNSite(t)
			before, north := s.all(), s.north()
			steps := s.plan(of(s))
			f.at(s)
			done := 0
			for ; done < len(steps) && s.do(steps[done]) == nil; done++ {
			}
			if done == len(steps) { // nothing but an announcement has failed
				require.Contains(t, f.name, "change ")
				done--
			}
			for ; done >= 0; done-- {
				if back, ok := steps[done].Inverse(); ok {
					require.NoError(t, s.do(back), "%s", back)
				}
			}
			require.Equal(t, before, s.all())
			require.Equal(t, north, s.north())
		})
	}
}

// Without its database, or for a router that is not in it, a plug does not move.
func TestASwapWithoutItsDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*site)
		kind  fault.Kind
		says  string
	}{
		"not reached": {func(s *site) {
			var err error
			s.d.north, err = ovn.New(ovn.Options{Address: "unix:" + t.TempDir() + "/nobody"}, s.d.scope)
			require.NoError(t, err)
		}, fault.Unavailable, "is not reached"},
		"not OVN's": {func(s *site) { s.fake.north.RemoveRouter(s.fake.list("routers")[0].text("id")) }, fault.Conflict, "is not in OVN's northbound database"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newOVNSite(t)
			for _, step := range s.plan(s.fw) {
				if step.Verb != topology.Move {
					require.NoError(t, s.do(step))
					continue
				}
				c.spoil(s)
				before := s.all()
				err := s.do(step)
				require.ErrorIs(t, err, c.kind)
				require.Contains(t, fault.Message(err), c.says)
				require.Equal(t, before, s.all(), "nothing was touched")
				return
			}
			require.FailNow(t, "no plug moves")
		})
	}
}

func TestCutoverIsChosen(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{Cutover: "OVN"}, {Cutover: "ovn"}, {Cutover: "ovn", Northbound: ovn.Options{Address: "127.0.0.1:6641"}}} {
		_, err := northbound(o)
		require.ErrorIs(t, err, fault.Invalid)
	}
	for _, o := range []Options{{}, {Cutover: CutoverAPI, Northbound: ovn.Options{Address: "tcp:127.0.0.1:6641"}}} {
		north, err := northbound(o)
		require.NoError(t, err)
		require.Nil(t, north)
	}
}

// While a plug is away from home, a swap of it and a move of an appliance's leg before it
// are announced. At home OVN knows where its router is.
func TestGatewaysThatHaveMovedAreAnnounced(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	mac := s.plugMAC()
	said := 0
	announced := func(services ...topology.Service) bool {
		s.converge(services...)
		list := s.fake.north.Spoken()
		news := list[said:]
		said = len(list)
		for _, m := range news {
			require.Equal(t, mac, m)
		}
		return len(news) > 0
	}
	past := s.fw
	past.Stitches = slices.Clone(s.fw.Stitches)
	past.Stitches[0].Bypassed = true
	require.True(t, announced(s.fw), "it came")
	require.True(t, announced(s.fw, s.wo), "another one before it, or behind it")
	require.True(t, announced(past, s.wo), "it is bypassed")
	require.True(t, announced(s.fw, s.wo), "and put back")
	require.False(t, announced(s.fw, s.wo), "nothing is done")
	require.True(t, announced(s.wo))
	require.False(t, announced(), "home again")
	require.Equal(t, mac, s.plugMAC())
}
