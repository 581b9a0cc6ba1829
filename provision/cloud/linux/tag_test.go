//go:build linux

package linux

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func FuzzParseTag(f *testing.F) {
	f.Add(`{"s":"demo","t":"a","k":"network","i":"V","f":{"id":"V"}}`)
	f.Add(`{"s":"demo","k":"leg","h":"leg-0123-4567"}`)
	f.Add(`{"s":"demo","k":"leg","h":"../../etc/passwd"}`)
	f.Add("uplink to the lab")
	f.Fuzz(func(t *testing.T, alias string) {
		got, ok := parseTag(alias)
		if !ok {
			return
		}
		require.NotEmpty(t, got.Scope)
		require.NotEmpty(t, got.Kind)
		require.Equal(t, got.File, filepath.Base("/" + got.File)[:len(got.File)], "a file of the folder and no other")
		again, err := json.Marshal(got)
		require.NoError(t, err)
		back, ok := parseTag(string(again))
		require.True(t, ok)
		back.Facts, got.Facts = nil, nil // spelled anew
		require.Equal(t, got, back)
	})
}

func TestNamesOfLinksFitAndTellThingsApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kinds := []kind{kindNetwork, kindPlug, kindCable, kindLeg, kindFarEnd}
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		i, j := rapid.SampledFrom(kinds).Draw(t, "i"), rapid.SampledFrom(kinds).Draw(t, "j")
		require.LessOrEqual(t, len(linkName(i, a)), unix.IFNAMSIZ-1)
		require.Equal(t, i == j && a == b, linkName(i, a) == linkName(j, b))
	})
}

func TestNamesOfNamespacesAreReadOneWayOnly(t *testing.T) {
	t.Parallel()
	c := &Cloud{scope: "demo"}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		fabric := c.fabricName(topology.TenantID(a))
		require.Equal(t, a == b, fabric == c.fabricName(topology.TenantID(b)))
		require.Regexp(t, `^bw-demo-[a-z0-9]*\.[0-9a-f]{8}$`, fabric)
		require.Equal(t, token(a), tokenIn(fabric))
		require.Equal(t, token(a), tokenIn(c.hostName(topology.TenantID(a), "x-gw")))
		require.NotEqual(t, c.gatewayName(topology.TenantID(a), defaultGateway), c.hostName(topology.TenantID(a), "gw"))
	})
}

func TestWritingWithoutSpaceIsFull(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{unix.ENOSPC, unix.EDQUOT} {
		require.ErrorIs(t, noSpace(&os.PathError{Op: "write", Path: "x", Err: errno}), fault.Full)
	}
	require.NotErrorIs(t, noSpace(unix.EIO), fault.Full)
	require.NoError(t, noSpace(nil))
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, o := range map[string]Options{
		"no scope":               {Dir: dir},
		"a scope with a dash":    {Dir: dir, Scope: "a-b"},
		"a long scope":           {Dir: dir, Scope: "abcdefghijklmnopq"},
		"no directory":           {Scope: "a"},
		"an unknown accelerator": {Dir: dir, Scope: "a", Accelerator: "warp"},
	} {
		_, err := New(t.Context(), o)
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	c, err := New(t.Context(), Options{Scope: "a", Dir: filepath.Join(dir, "new", "folder")})
	require.NoError(t, err)
	require.Equal(t, "linux", c.Name())
	info, err := os.Stat(c.dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm(), "nobody else reads tenants' disks")
	require.NoError(t, c.Close())
}
