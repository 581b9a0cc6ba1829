package openstack

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// unheard is the longest that hosts which nobody sends anything may be without their
// gateway. Without an announcement that is until they ask for it again, which took half a
// minute and more; a leg that changes its port takes Nova some seconds in itself.
const unheard = 15 * time.Second

// Hosts that only send, and hear nothing, reach their gateway again soon after each swap:
// when a service comes, when it is bypassed and put back, and when another one goes.
func TestHostsThatOnlySendAreToldOfTheirGatewayOnALab(t *testing.T) {
	x := newBend(t, map[string]string{"v1": "10.67.1.9/24", "x1": "10.67.2.9/24"})
	service := func(name string, rank int, bypassed bool) topology.Service {
		return topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged,
			NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
			Stitches: []topology.Stitch{{Network: "V", Pair: 1, Rank: rank, Bypassed: bypassed}}}
	}
	fw, past, wo := service("fw", 10, false), service("fw", 10, true), service("wo", 20, false)
	near, _ := x.host("v1")
	far, there := x.host("x1")
	require.Positive(t, x.exchange("v1", "x1", 7000), "the way is there")
	for _, c := range []struct {
		what string
		want []topology.Service
	}{
		{"a service comes", []topology.Service{wo}},
		{"another one before it", []topology.Service{fw, wo}},
		{"it is bypassed", []topology.Service{past, wo}},
		{"it is put back", []topology.Service{fw, wo}},
		{"the one behind it goes", []topology.Service{fw}},
		{"both have gone", nil},
	} {
		out := startStream(t, near, far, there)
		time.Sleep(200 * time.Millisecond)
		plugged := x.guests()
		converge(t, x.b, c.want...)
		plugged()
		time.Sleep(unheard)
		lost := out.end()
		t.Logf("%s: %s", c.what, lost)
		require.Less(t, lost.longest, unheard, c.what)
	}
}

// guests have appliances take to a leg that comes while they run, as guests do at once,
// until the function is called that it returns.
func (x *bend) guests() (stop func()) {
	ctx, cancel := context.WithCancel(x.t.Context())
	var attending sync.WaitGroup
	attending.Go(func() {
		for ctx.Err() == nil {
			_ = x.b.patch(ctx, "acme") // a server that is on its way is bridged the next time
		}
	})
	return func() { cancel(); attending.Wait() }
}
