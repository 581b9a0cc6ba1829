package sim_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
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

// get asks an appliance for its health over a connection of its own.
func get(t *testing.T, c *sim.Cloud, tenant topology.TenantID) (int, string, error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			return c.Dial(ctx, tenant, netip.MustParseAddrPort(to))
		},
	}}
	answer, err := client.Get("http://10.255.0.10:8080/health")
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body), nil
}

func TestHealthIsServedOnlyWhileTheApplianceIsUpAndOnlyToItsTenant(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	prepare(t, c)
	_, _, err := get(t, c, "a")
	require.ErrorIs(t, err, fault.Unavailable)

	insert(t, c)
	status, body, err := get(t, c, "a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"ok"}`, body)
	_, _, err = get(t, c, "b")
	require.ErrorIs(t, err, fault.NotFound)

	require.NoError(t, c.HangAppliance("a", "fw"))
	_, _, err = get(t, c, "a")
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestNobodyConnectsAfterClose(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)
	open, err := c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = open.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.ErrorIs(t, err, fault.Unavailable)
	require.Empty(t, steps(t, c, firewall), "what runs goes on running")
}

func TestAConnectionDiesWithItsAppliance(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)
	conn, err := c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, c.KillAppliance("a", "fw"))
	_, err = conn.Write([]byte("GET /health HTTP/1.1\r\nHost: fw\r\n\r\n"))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
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

func TestFaultsStrikeTheCallsTheyName(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		fault sim.Fault
		want  string // one letter per observation: x failed, . did not
	}{
		"the first by default": {sim.Fault{}, "x...."},
		"the third":            {sim.Fault{Nth: 3}, "..x.."},
		"two from the second":  {sim.Fault{Nth: 2, Times: 2}, ".xx.."},
		"all from the fourth":  {sim.Fault{Nth: 4, Times: -1}, "...xx"},
		"another verb":         {sim.Fault{Verb: sim.Dial, Times: -1}, "....."},
		"another tenant":       {sim.Fault{Match: func(k sim.Call) bool { return k.Tenant == "b" }, Times: -1}, "....."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sim.New(sim.Options{})
			prepare(t, c)
			struck := 0
			test.fault.Err, test.fault.Then = boom, func() { struck++ }
			c.Inject(test.fault)
			var got strings.Builder
			for range test.want {
				if _, err := c.Observe(t.Context(), "a"); err != nil {
					require.ErrorIs(t, err, boom)
					got.WriteByte('x')
				} else {
					got.WriteByte('.')
				}
			}
			require.Equal(t, test.want, got.String())
			require.Equal(t, strings.Count(test.want, "x"), struck)
			require.Equal(t, len(test.want), c.Count(sim.Observe))
			c.Heal()
			_, err := c.Observe(t.Context(), "a")
			require.NoError(t, err)
		})
	}
}

func TestAFaultAfterTheEffectLeavesTheEffect(t *testing.T) {
	t.Parallel()
	for when, present := range map[sim.When]bool{sim.BeforeEffect: false, sim.AfterEffect: true} {
		c := sim.New(sim.Options{Faults: []sim.Fault{{Verb: topology.CreateNetwork, When: when}}})
		prepare(t, c)
		first := steps(t, c, firewall)[0]
		require.Equal(t, topology.CreateNetwork, first.Verb)
		require.ErrorIs(t, do(t.Context(), c, first), fault.Unavailable)
		f, err := c.Observe(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, present, len(f.Networks) == 2)
		require.ErrorIs(t, c.Calls()[1].Err, fault.Unavailable)
	}
}

func TestTheLogKeepsTheLatestCalls(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{KeepCalls: 3})
	prepare(t, c)
	for range 50 {
		_, err := c.Observe(t.Context(), "a")
		require.NoError(t, err)
	}
	_, err := c.Observe(t.Context(), "nobody")
	require.ErrorIs(t, err, fault.NotFound)
	calls := c.Calls()
	require.LessOrEqual(t, len(calls), 6)
	require.GreaterOrEqual(t, len(calls), 3)
	require.Equal(t, topology.TenantID("nobody"), calls[len(calls)-1].Tenant)
	require.Equal(t, 51, c.Count(sim.Observe))
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

func TestTheStateFileOutlivesAProcessAndIsShared(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cloud.json")
	first, second := sim.New(sim.Options{Path: path}), sim.New(sim.Options{Path: path})
	prepare(t, first)
	_, err := second.Observe(t.Context(), "a")
	require.NoError(t, err)
	plan := steps(t, first, firewall)
	for i, s := range plan { // the two take turns
		require.NoError(t, do(t.Context(), []*sim.Cloud{first, second}[i%2], s))
	}
	require.NoError(t, first.Close())

	third := sim.New(sim.Options{Path: path})
	require.Empty(t, steps(t, third, firewall))
	m, ok := third.Machine("a", "fw")
	require.True(t, ok)
	require.Equal(t, int64(len(image)), m.Disks[0].Bytes)
	require.Nil(t, m.Environment)
	status, _, err := get(t, third, "a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, []byte("environment")), "the environment may hold secrets")
}

func TestADamagedStateFileIsAProblemAndIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cloud.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"tenants": [`), 0o600))
	c := sim.New(sim.Options{Path: path})
	problems := c.Check(t.Context())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].What, path)
	require.ErrorContains(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: "V",
		Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.0.0/24")}}}), path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{"tenants": [`, string(text))

	require.Empty(t, sim.New(sim.Options{}).Check(t.Context()))
}
