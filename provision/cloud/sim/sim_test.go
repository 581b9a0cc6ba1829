package sim_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const image = "a bootable image, for all that this cloud knows"

// server is a payload with one image and one blank disk.
func server() cloud.Server {
	sum := sha256.Sum256([]byte(image))
	return cloud.Server{
		VCPUs: 2, MemoryBytes: 1 << 30,
		Disks: []cloud.Disk{
			{ID: "system", Format: "raw", CapacityBytes: 1 << 20, Digest: "sha256:" + hex.EncodeToString(sum[:]),
				Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(image)), nil }},
			{ID: "data", CapacityBytes: 1 << 20},
		},
		NICModels:   []string{"virtio"},
		Environment: []byte("environment"),
	}
}

// firewall is a service on network V of tenant a, with a management address.
var firewall = topology.Service{
	Instance: "fw", Name: "fw", Zones: topology.Bridged,
	NICs:       []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
	Stitches:   []topology.Stitch{{Network: "V", Pair: 1, Rank: 10}},
	Management: netip.MustParsePrefix("10.255.0.10/24"),
}

// prepare gives tenant a the network V with the host v1.
func prepare(t *testing.T, c *sim.Cloud) {
	t.Helper()
	subnet := topology.Subnet{CIDR: netip.MustParsePrefix("10.0.1.0/24"), Gateway: netip.MustParseAddr("10.0.1.1")}
	require.NoError(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: "V", Subnets: []topology.Subnet{subnet}}))
	require.NoError(t, c.CreateHost(t.Context(), "a", cloud.Host{Name: "v1", Network: "V", Address: netip.MustParsePrefix("10.0.1.11/24")}))
}

// steps lead tenant a to have exactly the services.
func steps(t *testing.T, c *sim.Cloud, services ...topology.Service) []topology.Step {
	t.Helper()
	have, err := c.Observe(t.Context(), "a")
	require.NoError(t, err)
	want, err := topology.Compose(have, services)
	require.NoError(t, err)
	plan, err := topology.Plan(have, want)
	require.NoError(t, err)
	return plan
}

// do is one try at a step.
func do(ctx context.Context, c *sim.Cloud, s topology.Step) error {
	if s.Verb == topology.Boot {
		return c.Boot(ctx, "a", *s.Appliance, server())
	}
	return c.Do(ctx, "a", s)
}

// insert puts the firewall in place, waiting as an await says.
func insert(t *testing.T, c *sim.Cloud) {
	t.Helper()
	for _, s := range steps(t, c, firewall) {
		require.NoError(t, patiently(t, c, s))
	}
}

func patiently(t *testing.T, c *sim.Cloud, s topology.Step) error {
	for {
		var notYet *cloud.NotYet
		err := do(t.Context(), c, s)
		if !errors.As(err, &notYet) {
			return err
		}
		<-time.After(notYet.After)
	}
}

func TestBootReadsEveryDiskAndKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)

	m, ok := c.Machine("a", "fw")
	require.True(t, ok)
	require.False(t, m.Started.IsZero())
	m.Started = time.Time{}
	require.Equal(t, sim.Machine{
		VCPUs: 2, MemoryBytes: 1 << 30, NICModels: []string{"virtio"}, Environment: []byte("environment"),
		Disks: []sim.Image{
			{ID: "system", Digest: server().Disks[0].Digest, Bytes: int64(len(image)), Format: "raw", CapacityBytes: 1 << 20},
			{ID: "data", CapacityBytes: 1 << 20},
		},
	}, m)
	require.Empty(t, c.Violations())
}

func TestBootRefusesServersThatCouldNotRun(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*cloud.Server){
		"no CPU":           func(s *cloud.Server) { s.VCPUs = 0 },
		"no memory":        func(s *cloud.Server) { s.MemoryBytes = 0 },
		"no disk":          func(s *cloud.Server) { s.Disks = nil },
		"too many NICs":    func(s *cloud.Server) { s.NICModels = []string{"e1000", "e1000", "e1000", "e1000"} },
		"another digest":   func(s *cloud.Server) { s.Disks[0].Digest = "sha256:" + strings.Repeat("0", 64) },
		"digest, no image": func(s *cloud.Server) { s.Disks[0].Open = nil },
		"no capacity":      func(s *cloud.Server) { s.Disks[1].CapacityBytes = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sim.New(sim.Options{})
			prepare(t, c)
			for _, s := range steps(t, c, firewall) {
				if s.Verb != topology.Boot {
					require.NoError(t, do(t.Context(), c, s))
					continue
				}
				bad := server()
				spoil(&bad)
				require.ErrorIs(t, c.Boot(t.Context(), "a", *s.Appliance, bad), fault.Invalid)
				break
			}
			_, ok := c.Machine("a", "fw")
			require.False(t, ok)
		})
	}
}

func TestBootPassesOnWhatTheImageSays(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	broken := server()
	broken.Disks[0].Open = func(context.Context) (io.ReadCloser, error) { return nil, io.ErrUnexpectedEOF }
	for _, s := range steps(t, c, firewall) {
		if s.Verb == topology.Boot {
			require.ErrorIs(t, c.Boot(t.Context(), "a", *s.Appliance, broken), io.ErrUnexpectedEOF)
			break
		}
		require.NoError(t, do(t.Context(), c, s))
	}
}

func TestAnApplianceComesUpAfterItsBootTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := sim.New(sim.Options{BootTime: time.Minute})
		prepare(t, c)
		start := time.Now()
		insert(t, c)
		require.Equal(t, time.Minute, time.Since(start))
		passed, reached, err := c.Trace(t.Context(), "a", "v1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{"fw"}, passed)
	})
}

func TestEveryCallTakesItsTimeAndHeedsItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := sim.New(sim.Options{Latency: time.Second})
		prepare(t, c)
		start := time.Now()
		_, err := c.Observe(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = c.Observe(ctx, "a")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second+time.Millisecond, time.Since(start))
	})
}

func TestPacketsGoNoFurtherThanADeadAppliance(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*sim.Cloud) error{
		"killed": func(c *sim.Cloud) error { return c.KillAppliance("a", "fw") },
		"hung":   func(c *sim.Cloud) error { return c.HangAppliance("a", "fw") },
		"unplugged": func(c *sim.Cloud) error {
			return c.Drift("a", func(f *topology.Fabric) { f.Appliances[0].Legs[1].At = "" })
		},
		"booting": func(c *sim.Cloud) error {
			f, err := c.Observe(context.Background(), "a")
			return errors.Join(err, c.KillAppliance("a", "fw"), c.Boot(context.Background(), "a", f.Appliances[0], server()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sim.New(sim.Options{BootAwaits: 1})
			prepare(t, c)
			insert(t, c)
			require.NoError(t, harm(c))
			passed, reached, err := c.Trace(t.Context(), "a", "v1")
			require.NoError(t, err)
			require.False(t, reached)
			require.Empty(t, passed)
		})
	}
}

func TestTheWatchSeesWhatAStepSpoils(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)
	require.Empty(t, c.Violations())
	fw := topology.Appliance{ID: "fw"}
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.Shutdown, Appliance: &fw}))
	require.Len(t, c.Violations(), 1)
	require.Contains(t, c.Violations()[0], "cannot reach")
}
