//go:build linux

package linux

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestGuestCommandLine(t *testing.T) {
	t.Parallel()
	m := machine{"a", topology.Appliance{ID: "fw", Name: "fw", Legs: []topology.Leg{
		{Port: "fw-0", NIC: 0, MAC: "02:00:00:00:00:01"},
		{Port: "fw-2", NIC: 2, MAC: "02:00:00:00:00:03"},
	}}}
	nics, err := nicsOf(m, []string{"virtio", "E1000", "vmxnet3", "PCNet32"})
	require.NoError(t, err)
	g := guest{
		name: "bw-demo-a.0a1b2c3d-fw.01234567", uuid: "00000000-0000-8000-8000-000000000000", accel: "tcg",
		vcpus: 2, memory: 128<<20 + 1, vhost: true, nics: nics, environment: "/data/a,b/environment.iso",
		disks: []drive{{"/data/disk0.qcow2", "virtio"}, {"/data/disk1.qcow2", "ide"}, {"/data/disk2.qcow2", "sata"},
			{"/data/disk3.qcow2", "scsi"}, {"/data/disk4.qcow2", "scsi"}, {"/data/disk5.qcow2", "ide"}},
	}
	args, err := g.args()
	require.NoError(t, err)
	got := strings.ReplaceAll(strings.Join(args, "\n")+"\n", "\n-", "\n\n-")
	golden := filepath.Join("testdata", "guest.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestImpossibleHardwareIsRefused(t *testing.T) {
	t.Parallel()
	disks := func(n int, bus string) (out []drive) {
		for range n {
			out = append(out, drive{"/d", bus})
		}
		return out
	}
	for name, g := range map[string]guest{
		"a fourth IDE disk":    {disks: disks(4, "ide")},
		"a seventh SATA disk":  {disks: disks(7, "sata")},
		"an unknown bus":       {disks: disks(1, "mfm")},
		"an unknown empty bus": {disks: disks(1, "")},
	} {
		_, err := g.args()
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	_, err := nicsOf(machine{}, []string{"ne2k"})
	require.ErrorIs(t, err, fault.Invalid)
	for _, n := range []int{-1, 64} {
		_, err = nicsOf(machine{"a", topology.Appliance{Legs: []topology.Leg{{NIC: n}}}}, nil)
		require.ErrorIs(t, err, fault.Invalid)
	}
}

func TestTheRemedyNamesTheSwitchThatForbidsUserNamespaces(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no kernel support": {nil, "CONFIG_USER_NS"},
		"Debian's switch":   {map[string]string{"kernel/unprivileged_userns_clone": "0\n"}, "sysctl -w kernel.unprivileged_userns_clone=1"},
		"none allowed":      {map[string]string{"user/max_user_namespaces": "0\n"}, "sysctl -w user.max_user_namespaces=10000"},
		"Ubuntu's switch": {map[string]string{"user/max_user_namespaces": "9\n", "kernel/apparmor_restrict_unprivileged_userns": "1\n"},
			"sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		"something else": {map[string]string{"user/max_user_namespaces": "9\n"}, "container"},
	} {
		got := namespaceRemedy(func(path string) ([]byte, error) {
			text, ok := test.files[strings.TrimPrefix(path, "/proc/sys/")]
			if ok || path == "/proc/self/uid_map" && test.files != nil {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		require.Contains(t, got, test.want, name)
	}
}
