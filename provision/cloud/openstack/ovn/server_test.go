package ovn

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn/ovntest"
)

const mac = "fa:16:3e:00:00:01"

// A world is a northbound database in which Neutron has a router r with a port p1 on
// network v, and a network g.
type world struct {
	*ovntest.Database
	n *Northbound
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d := ovntest.New(t)
	n, err := New(Options{Address: d.Address}, "scope")
	require.NoError(t, err)
	d.AddNetwork("v")
	d.AddNetwork("g")
	d.AddRouter("r")
	d.AddPort("p1", "v")
	w := &world{d, n}
	w.addInterface("p1")
	return w
}

func (w *world) carriers() []string          { return w.Carriers(mac) }
func (w *world) addInterface(id string)      { w.Plug("r", id, mac, "10.1.0.1/24") }
func (w *world) makePort(id, network string) { w.AddPort(id, network) }
func (w *world) removeInterface(id, network string) {
	w.Unplug("r", id, "10.1.0.1/24")
	w.RemovePort(id, network)
}

// translations are the rows that translate addresses.
func (w *world) translations() (list []string) {
	for _, r := range w.All() {
		if strings.HasPrefix(r, "NAT ") {
			list = append(list, r)
		}
	}
	return list
}

func plugAt(port, network string) Plug {
	return Plug{ID: "plug", Router: "r", MAC: mac, Addresses: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/24")}, Port: port, Network: network}
}
