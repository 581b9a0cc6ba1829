//go:build linux

package linux

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// managed is where a firewall answers that was booted by firewallServer.
var managed = netip.MustParseAddrPort("10.99.0.10:8080")

// firewall is the OVA that testdata/appliance builds; the variable
// BUMPWIRE_APPLIANCE names another.
func firewall(t testing.TB) string {
	t.Helper()
	path := os.Getenv("BUMPWIRE_APPLIANCE")
	if path == "" {
		path = filepath.Join("..", "..", "..", "build", "appliance", "bumpwire-firewall.ova")
	}
	if _, err := os.Stat(path); err != nil {
		text := fmt.Sprintf("NOT TESTED WITH A REAL APPLIANCE: %v; testdata/appliance/build makes it", err)
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return path
}

// openDisk opens the disk image within an OVA.
func openDisk(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := tar.NewReader(f)
	for {
		h, err := in.Next()
		if err != nil {
			return nil, fmt.Errorf("no disk in %s: %w", path, err)
		}
		if strings.HasSuffix(h.Name, ".vmdk") {
			return struct {
				io.Reader
				io.Closer
			}{in, f}, nil
		}
	}
}

func firewallServer(t testing.TB) cloud.Server {
	t.Helper()
	path := firewall(t)
	in, err := openDisk(path)
	require.NoError(t, err)
	defer in.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, in)
	require.NoError(t, err)

	var iso bytes.Buffer
	require.NoError(t, ovf.WriteISO(&iso, "OVF ENV", time.Time{}, []ovf.ISOFile{{Name: "ovf-env.xml", Data: []byte(`<?xml version="1.0" encoding="UTF-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1" oe:id="bumpwire-firewall">
<PropertySection>
<Property oe:key="firewall.block-tcp-ports" oe:value="23"/>
<Property oe:key="management.password" oe:value="not a secret"/>
<Property oe:key="management.address" oe:value="10.99.0.10"/>
<Property oe:key="management.netmask" oe:value="255.255.255.0"/>
</PropertySection>
</Environment>`)}}))
	return cloud.Server{
		VCPUs: 1, MemoryBytes: 128 << 20, Environment: iso.Bytes(),
		NICModels: []string{"virtio", "virtio", "virtio", "virtio", "virtio"},
		Disks: []cloud.Disk{{
			ID: "disk1", Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Format: "vmdk", CapacityBytes: 32 << 20, Bus: "virtio",
			Open: func(context.Context) (io.ReadCloser, error) { return openDisk(path) },
		}},
	}
}

func newReal(t testing.TB) *Cloud {
	t.Helper()
	c := newCloud(t)
	able(t, c)
	return c
}

func TestContractWithRealAppliances(t *testing.T) {
	t.Parallel()
	server := firewallServer(t)
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		return cloudtest.Bed{
			Cloud:       newReal(t),
			Server:      func() cloud.Server { return server },
			BootTimeout: 2 * time.Minute,
			Health:      managed,
		}
	})
}

func TestRealApplianceIsInsertedAndRemovedWithoutLoss(t *testing.T) {
	server := firewallServer(t)
	c := newReal(t)
	village(t, c, "a")
	boot := func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }
	f := startFlow(t, c, "a", "h1", PublicIPv4)
	for range 2 {
		converge(t, c, "a", boot, inPath("fw", 20))
		f.some(500)
		converge(t, c, "a", boot)
		f.some(500)
	}
	sent, lost := f.end()
	t.Logf("%d swaps of a guest under %s: %d of %d packets lost", 4, c.machines.(*qemu).accel.choose(t.Context()), lost, sent)
	require.LessOrEqual(t, lost, 1)
}

// A guest of another size takes the place of one under traffic, and answers on its
// management address; in the end there is one guest.
func TestRealApplianceIsReplacedWithoutLoss(t *testing.T) {
	server := firewallServer(t)
	c := newReal(t)
	village(t, c, "a")
	boot := func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }
	fw := inPath("fw", 20)
	fw.Management = netip.PrefixFrom(managed.Addr(), 24)
	converge(t, c, "a", boot, fw)
	f := startFlow(t, c, "a", "h1", PublicIPv4)
	for range 2 {
		fw.Generation++
		server.MemoryBytes += 64 << 20
		converge(t, c, "a", boot, fw)
		f.some(500)
		require.Eventually(t, func() bool {
			conn, err := c.Dial(t.Context(), "a", managed)
			return err == nil && conn.Close() == nil
		}, 2*time.Minute, 100*time.Millisecond, "the management address went on")
		passed, reached, err := c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{topology.ApplianceOf("fw", fw.Generation)}, passed)
	}
	sent, lost := f.end()
	require.Len(t, pids(t, c), 1)
	t.Logf("2 replacements of a guest under %s: %d of %d packets lost", c.machines.(*qemu).accel.choose(t.Context()), lost, sent)
	require.LessOrEqual(t, lost, 1)
}

// pids are the guests of a cloud.
func pids(t testing.TB, c *Cloud) (out []int) {
	t.Helper()
	list, err := c.machines.processes(nil)
	require.NoError(t, err)
	for _, r := range list {
		pid, err := strconv.Atoi(r.ID)
		require.NoError(t, err)
		out = append(out, pid)
	}
	return out
}

func TestAGuestOutlivesItsBrokerAndIsFoundAgain(t *testing.T) {
	t.Parallel()
	server := firewallServer(t)
	c := newReal(t)
	village(t, c, "a")
	boot := func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }
	converge(t, c, "a", boot, inPath("fw", 20))
	f := observe(t, c, "a")
	fw := f.Appliances[0]
	first := pids(t, c)
	require.Len(t, first, 1)
	secrets, err := os.Stat(filepath.Join(c.machines.(*qemu).guestDir(machine{"a", fw}), "environment.iso"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), secrets.Mode())
	require.Eventually(t, func() bool { // it forwards before it says so
		text, err := c.Console(t.Context(), "a", "fw")
		require.NoError(t, err)
		return strings.Contains(text, "forwarding")
	}, time.Minute, 50*time.Millisecond)

	d := another(t, c)
	require.Equal(t, f, observe(t, d, "a"))
	// The broker died after it started the guest and before the guest said its number.
	require.NoError(t, os.Remove(filepath.Join(c.machines.(*qemu).guestDir(machine{"a", fw}), "pid")))
	require.Equal(t, f, observe(t, d, "a"))
	require.NoError(t, d.Boot(t.Context(), "a", fw, server))
	require.Equal(t, first, pids(t, d), "one guest, not two")

	for range 10 { // a guest that dies has its NICs and disks for a moment still
		guest, err := os.FindProcess(first[0])
		require.NoError(t, err)
		require.NoError(t, guest.Kill())
		for observe(t, d, "a").Appliances[0].Booted {
		}
		require.NoError(t, d.Boot(t.Context(), "a", fw, server))
		second := pids(t, d)
		require.Len(t, second, 1)
		require.NotEqual(t, first, second)
		first = second
	}

	down := topology.Step{Verb: topology.Shutdown, Appliance: &fw}
	for range 2 {
		require.NoError(t, c.Do(t.Context(), "a", down))
		require.Empty(t, pids(t, c))
	}
	require.NoDirExists(t, c.machines.(*qemu).guestDir(machine{"a", fw}))
	_, err = c.Console(t.Context(), "a", "fw")
	require.ErrorIs(t, err, fault.NotFound)
}

func TestSweepEndsGuestsThatNothingElseKnowsOf(t *testing.T) {
	t.Parallel()
	server := firewallServer(t)
	c := newReal(t)
	village(t, c, "a")
	boot := func(a topology.Appliance) error { return c.Boot(t.Context(), "a", a, server) }
	converge(t, c, "a", boot, inPath("fw", 20))
	require.NoError(t, os.RemoveAll(filepath.Join(c.dir, "tenants")))
	for _, n := range []string{c.gatewayName("a", defaultGateway), c.fabricName("a")} {
		require.NoError(t, c.removeNamespace(n))
	}
	left, err := c.Resources(t.Context())
	require.NoError(t, err)
	require.True(t, slices.ContainsFunc(left, func(r cloud.Resource) bool { return r.Kind == "process" }), "%v", left)
	require.NoError(t, c.Sweep(t.Context()))
	require.Empty(t, pids(t, c))
	files, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	require.Empty(t, files)
}

func TestAGuestThatCannotStartLeavesNoProcessAndSaysWhy(t *testing.T) {
	t.Parallel()
	server := firewallServer(t)
	c := newReal(t)
	c.machines = newQEMU(c, "tcg")
	await := func(s cloud.Server) error {
		f := observe(t, c, "a")
		return c.Boot(t.Context(), "a", f.Appliances[0], s)
	}
	village(t, c, "a")
	a := topology.Appliance{ID: "fw", Instance: "fw", Name: "fw"}
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.CreatePort, Appliance: &a,
		Leg: &topology.Leg{Port: "fw-0", Role: topology.Inside, Pair: 1, MAC: "02:00:00:00:00:01"}}))

	huge := server
	huge.MemoryBytes = 1 << 50
	err := await(huge)
	require.ErrorContains(t, err, "did not start")
	require.ErrorIs(t, err, fault.Full)
	require.Empty(t, pids(t, c))
	damaged := server
	damaged.Disks = []cloud.Disk{server.Disks[0]}
	damaged.Disks[0].Digest = "sha256:" + strings.Repeat("0", 64)
	require.ErrorIs(t, await(damaged), fault.Invalid)
	none := server
	none.VCPUs = 0
	require.ErrorIs(t, await(none), fault.Invalid)
	require.False(t, observe(t, c, "a").Appliances[0].Booted)
	require.NoError(t, await(server), "and then starts")
	require.Len(t, pids(t, c), 1)
}

func TestTheProofOfAnAcceleratorRunsWhereOneIsSureToWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath(qemuBinary); err != nil {
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: ", err)
	}
	require.True(t, prove(t.Context(), "tcg"))
	require.False(t, prove(t.Context(), "no-such-accelerator"))
}

func TestEveryKindOfHardwareStarts(t *testing.T) {
	t.Parallel()
	c := newReal(t)
	village(t, c, "a")
	a := topology.Appliance{ID: "any", Instance: "any", Name: "any"}
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.CreatePort, Appliance: &a,
		Leg: &topology.Leg{Port: "any-3", NIC: 3, Role: topology.Inside, Pair: 1, MAC: "02:00:00:00:00:01"}}))
	s := cloud.Server{VCPUs: 2, MemoryBytes: 64 << 20, NICModels: []string{"virtio", "e1000", "e1000e", "vmxnet3", "rtl8139", "pcnet"}}
	for _, bus := range []string{"virtio", "virtio", "ide", "ide", "ide", "sata", "sata", "scsi", "scsi"} {
		s.Disks = append(s.Disks, cloud.Disk{ID: "blank", CapacityBytes: 1 << 20, Bus: bus})
	}
	require.NoError(t, c.Boot(t.Context(), "a", observe(t, c, "a").Appliances[0], s))
	require.True(t, observe(t, c, "a").Appliances[0].Booted)
	s.Disks = []cloud.Disk{{ID: "blank"}}
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.Shutdown, Appliance: &a}))
	require.ErrorIs(t, c.Boot(t.Context(), "a", observe(t, c, "a").Appliances[0], s), fault.Invalid, "a blank disk of no size")
}
