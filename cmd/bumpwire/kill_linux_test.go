//go:build linux

package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// site is a data folder and a scope of the linux cloud that brokers come and go on.
type site struct {
	t     *testing.T
	dir   string
	scope string
	cloud *linux.Cloud
	serve *exec.Cmd
	osb   *api.OSB
	admin *api.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), scope: fmt.Sprintf("k%x", time.Now().UnixNano()&0xffffffff)}
	require.NoError(t, linux.Enter(t.Context(), filepath.Join(s.dir, "linux")))
	var err error
	s.cloud, err = linux.New(t.Context(), linux.Options{Scope: s.scope, Dir: filepath.Join(s.dir, "linux"), Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	if problems := s.cloud.Check(t.Context()); len(problems) > 0 {
		text := fmt.Sprintf("NOT TESTED: this machine cannot carry the linux cloud: %v", problems)
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	t.Cleanup(func() {
		s.kill()
		require.NoError(t, s.cloud.Sweep(context.Background()))
		left, err := s.cloud.Resources(context.Background())
		require.NoError(t, err)
		require.Empty(t, left)
	})
	return s
}

// start runs `bumpwire serve` as a process of its own and waits until it listens.
func (s *site) start() {
	s.t.Helper()
	program := filepath.Join(s.dir, "bumpwire") // under this name the test binary is the program, see TestMain
	self, err := os.Executable()
	require.NoError(s.t, err)
	if err := os.Symlink(self, program); !errors.Is(err, fs.ErrExist) {
		require.NoError(s.t, err)
	}
	s.serve = exec.Command(program, "serve", "--data", s.dir, "--listen", "127.0.0.1:0", "--cloud", "linux")
	s.serve.Env = append(os.Environ(), "BUMPWIRE_CLOUD_SCOPE="+s.scope, "BUMPWIRE_METERING_WINDOW=1s",
		"BUMPWIRE_METERING_SCHEDULE=@every 1s", "BUMPWIRE_PLATFORM=cf:cf-password", "BUMPWIRE_ADMIN=root:root-password")
	var errs bytes.Buffer
	s.serve.Stderr = &errs
	out, err := s.serve.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.serve.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "serves on "); ok {
			url, _, _ := strings.Cut(after, ",")
			s.osb = &api.OSB{URL: url, User: "cf", Password: "cf-password", Poll: 20 * time.Millisecond}
			s.admin = &api.Client{URL: url, User: "root", Password: "root-password"}
			return
		}
	}
	s.t.Fatalf("serve did not start: %s", errs.String())
}

// kill ends the broker as a power cut would.
func (s *site) kill() {
	if s.serve != nil {
		_ = s.serve.Process.Kill() // it may be dead already
		_ = s.serve.Wait()         // of course it was killed
		s.serve = nil
	}
}

func (s *site) count(kind string) (n int) {
	s.t.Helper()
	resources, err := s.cloud.Resources(context.Background())
	require.NoError(s.t, err)
	for _, r := range resources {
		if r.Kind == kind {
			n++
		}
	}
	return n
}

// tenant makes a tenant network with a host, and publishes the real appliance,
// its disk compressed and in pieces.
func (s *site) tenant() (service, plan string) {
	s.t.Helper()
	ctx := s.t.Context()
	_, err := s.admin.CreateNetwork(ctx, "acme", api.Network{ID: "lan", CIDR: "10.30.0.0/24"})
	require.NoError(s.t, err)
	_, err = s.admin.CreateHost(ctx, "acme", api.Host{Name: "h", Network: "lan", Address: netip.MustParsePrefix("10.30.0.11/24")})
	require.NoError(s.t, err)
	f, size, err := openUpload(repacked(s.t, realAppliance(s.t)))
	require.NoError(s.t, err)
	defer f.Close()
	pushed, err := s.admin.Push(ctx, "demo-vendor", f, size, nil)
	require.NoError(s.t, err)
	published, err := s.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{})
	require.NoError(s.t, err)
	var digests []string
	for _, e := range published.EULAs {
		digests = append(digests, e.Digest)
	}
	_, err = s.admin.Accept(ctx, api.NewAcceptance{Tenant: "acme", Digests: digests})
	require.NoError(s.t, err)
	return string(published.ID), string(published.Plans[0].ID)
}

// realAppliance is the OVA that testdata/appliance builds.
func realAppliance(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BUMPWIRE_APPLIANCE")
	if path == "" {
		path = filepath.Join("..", "..", "build", "appliance", "bumpwire-firewall.ova")
	}
	if _, err := os.Stat(path); err != nil {
		text := "NOT TESTED: there is no appliance; run testdata/appliance/build"
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	return path
}

// repacked is an OVA with its disk compressed and cut into pieces.
func repacked(t *testing.T, ova string) string {
	t.Helper()
	return rebuilt(t, ova, func(text string) string {
		return regexp.MustCompile(`(ovf:href="[^"]*\.vmdk")( ovf:size="\d+")?`).ReplaceAllString(text, `$1 ovf:compression="gzip" ovf:chunkSize="1000000"`)
	}, func(path string, disk []byte) { writePieces(t, path, disk) })
}

// edited is an OVA with another descriptor.
func edited(t *testing.T, ova string, edit func(descriptor string) string) string {
	t.Helper()
	return rebuilt(t, ova, edit, func(path string, disk []byte) { require.NoError(t, os.WriteFile(path, disk, 0o600)) })
}

// rebuilt is an OVA made anew of another's descriptor, edited, and disk.
func rebuilt(t *testing.T, ova string, edit func(descriptor string) string, write func(path string, disk []byte)) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(ova)
	require.NoError(t, err)
	defer f.Close()
	in := tar.NewReader(f)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		switch filepath.Ext(h.Name) {
		case ".ovf":
			text := edit(string(data))
			require.NotEqual(t, string(data), text)
			require.NoError(t, os.WriteFile(filepath.Join(dir, h.Name), []byte(text), 0o600))
		case ".vmdk":
			write(filepath.Join(dir, h.Name), data)
		}
	}
	path := filepath.Join(t.TempDir(), "rebuilt.ova")
	out, err := os.Create(path)
	require.NoError(t, err)
	defer out.Close()
	_, err = ovf.Build(t.Context(), dir, out, ovf.BuildOptions{})
	require.NoError(t, err)
	return path
}

func writePieces(t *testing.T, path string, data []byte) {
	t.Helper()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for n := 0; zipped.Len() > 0; n++ {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s.%09d", path, n), zipped.Next(1_000_000), 0o600))
	}
}

// killAt kills the broker once the operation's description holds a word, or at
// its end if it never does.
func (s *site) killAt(operation, word string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	_, err := s.osb.Wait(ctx, "fw", operation, func(o api.LastOperation) {
		if strings.Contains(o.Description, word) {
			cancel()
		}
	})
	if ctx.Err() == nil {
		require.NoError(s.t, err)
	}
	s.kill()
}

// `kill -9` of serve while the appliance boots, then at other moments of its
// life; each time a new serve finishes the work. One guest runs, one set of
// segments is there, every window is billed once, and removal leaves nothing.
func TestKilledBrokerGoesOnWhereItWas(t *testing.T) {
	s := newSite(t)
	s.start()
	service, plan := s.tenant()
	before, err := s.cloud.Observe(t.Context(), "acme")
	require.NoError(t, err)

	order := api.OSBProvision{ServiceID: service, PlanID: plan, OrganizationGUID: "acme", SpaceGUID: "s",
		Parameters: []byte(`{"networks":["lan"],"firewall.block-tcp-ports":"23"}`)}
	accepted, err := s.osb.Provision(t.Context(), "fw", order)
	require.NoError(t, err)
	for _, moment := range []string{"create", "boot", "wait"} {
		s.killAt(accepted.Operation, moment)
		s.start()
	}
	ended, err := s.osb.Wait(t.Context(), "fw", accepted.Operation, nil)
	require.NoError(t, err)
	require.Equal(t, api.Succeeded, ended.State, ended.Description)

	require.Equal(t, 1, s.count("process"))
	now, err := s.cloud.Observe(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, map[topology.NetworkRole]int{topology.RoleTenant: 1, topology.RoleSegment: 1, topology.RoleManagement: 1}, roles(now))
	passed, reached, err := s.cloud.Trace(t.Context(), "acme", "h")
	require.NoError(t, err)
	require.True(t, reached)
	require.Equal(t, []topology.ApplianceID{"fw"}, passed)

	gone, err := s.osb.Deprovision(t.Context(), "fw", service, plan)
	require.NoError(t, err)
	s.killAt(gone.Operation, "step")
	s.start()
	ended, err = s.osb.Wait(t.Context(), "fw", gone.Operation, nil)
	require.NoError(t, err)
	require.Equal(t, api.Succeeded, ended.State, ended.Description)

	after, err := s.cloud.Observe(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Zero(t, s.count("process"))
	s.requireBilledOnce()
}

func roles(f topology.Fabric) map[topology.NetworkRole]int {
	n := map[topology.NetworkRole]int{}
	for _, network := range f.Networks {
		n[network.Role]++
	}
	return n
}

// requireBilledOnce says that the bills cover each moment of the instance's
// active time once, and no other.
func (s *site) requireBilledOnce() {
	s.t.Helper()
	events, err := s.admin.Events(s.t.Context(), "fw")
	require.NoError(s.t, err)
	var from, to time.Time
	for _, e := range events {
		switch {
		case e.State == "active" && from.IsZero():
			from = e.At
		case e.State == "deprovisioning" && to.IsZero():
			to = e.At
		}
	}
	require.False(s.t, from.IsZero() || to.IsZero())
	var bills []api.BillingRecord
	require.Eventually(s.t, func() bool {
		bills, err = s.admin.Bills(s.t.Context(), api.BillFilter{Instance: "fw"})
		return err == nil && len(bills) > 0 && !bills[len(bills)-1].End.Before(to)
	}, time.Minute, 100*time.Millisecond)
	require.Equal(s.t, from, bills[0].Start)
	require.Equal(s.t, to, bills[len(bills)-1].End)
	for n := 1; n < len(bills); n++ {
		require.Equal(s.t, bills[n-1].End, bills[n].Start, "billing records have a gap or overlap")
	}
}
