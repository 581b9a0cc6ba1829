package openstack

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// What a cloud does not count is not made up, and what the account may not read is said.
func TestWhatIsNotCountedIsNotTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.converge(s.fw)
	id := topology.ApplianceOf(s.fw.Instance, 0)
	server := s.fake.list("servers")[0]
	diagnostics := "compute/v2.1/servers/" + server.text("id") + "/diagnostics"
	count := func() ([]topology.Counter, error) { return s.d.Counters(t.Context(), s.tenant, id) }
	told, err := count()
	require.NoError(t, err)
	require.NotEmpty(t, told)

	for name, reply := range map[string]any{
		"another driver's words": thing{"vnet1_rx": 1, "vnet1_tx": 2},
		"nobody's interface":     thing{"nic_details": []thing{{"mac_address": "01:23:45:67:89:ab", "rx_octets": 1, "rx_packets": 1, "tx_octets": 1, "tx_packets": 1}}},
		"nothing":                thing{"nic_details": []thing{{"mac_address": s.legMAC(), "rx_octets": nil, "rx_packets": nil, "tx_octets": nil, "tx_packets": nil}}},
		"it is shut off":         http.StatusConflict,
		"it is gone":             http.StatusNotFound,
		"it cannot":              http.StatusNotImplemented,
	} {
		s.fake.fixed[diagnostics] = reply
		told, err := count()
		require.NoError(t, err, name)
		require.Empty(t, told, name)
	}
	s.fake.fixed[diagnostics] = http.StatusForbidden
	_, err = count()
	require.ErrorIs(t, err, fault.Forbidden)
	require.Contains(t, fault.Message(err), "os-server-diagnostics")
	s.fake.fixed[diagnostics] = http.StatusServiceUnavailable
	_, err = count()
	require.ErrorIs(t, err, fault.Unavailable)

	delete(s.fake.fixed, diagnostics)
	server["status"] = "SHUTOFF"
	told, err = count()
	require.NoError(t, err)
	require.Empty(t, told)
}

// legMAC is that of the appliance's first port.
func (s *site) legMAC() string {
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "compute:nova" {
			return p.text("mac_address")
		}
	}
	return ""
}
