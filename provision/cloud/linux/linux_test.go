//go:build linux

package linux

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
)

// TestMain lets an ordinary user's tests run in a user namespace. Where that is
// forbidden too, each test says so.
func TestMain(m *testing.M) {
	if os.Getenv(victimScope) != "" {
		fmt.Fprintln(os.Stderr, victim())
		os.Exit(1)
	}
	const variable = "BUMPWIRE_TEST_NAMESPACE" // inside, the user's number is another
	dir := os.Getenv(variable)
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("bumpwire-test-%d", os.Getuid()))
		if err := os.Setenv(variable, dir); err != nil {
			panic(err)
		}
	}
	if err := Enter(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	code := m.Run()
	if os.Getenv(entered) != "" {
		if err := endHolder(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		_ = os.Remove(dir)
	}
	os.Exit(code)
}

// newCloud is an empty cloud of a scope of its own, which leaves nothing behind.
func newCloud(t testing.TB) *Cloud {
	t.Helper()
	c, err := New(t.Context(), Options{
		Scope: "t" + strings.ToLower(rand.Text()[:9]),
		Dir:   t.TempDir(),
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Sweep(context.Background()))
		names, err := c.everyNamespace()
		require.NoError(t, err)
		require.Empty(t, names)
	})
	return c
}

// newPatched is a cloud whose appliances are bridges. It needs the right to make
// namespaces.
func newPatched(t testing.TB) *Cloud {
	t.Helper()
	c := newCloud(t)
	c.machines = patchbay{}
	able(t, c)
	return c
}

// able skips loudly, or fails, where the machine cannot carry a cloud.
func able(t testing.TB, c *Cloud) {
	t.Helper()
	problems := c.Check(t.Context())
	if len(problems) == 0 {
		return
	}
	text := fmt.Sprintf("NOT TESTED: this machine cannot carry the linux cloud: %v", problems)
	if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
		t.Fatal(text)
	}
	t.Skip(text)
}

func TestContractWithBridgesAsAppliances(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		return cloudtest.Bed{
			Cloud:       newPatched(t),
			Server:      func() cloud.Server { return cloud.Server{} },
			BootTimeout: time.Minute,
		}
	})
}
