package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func none(string) string { return "" }

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestConfigurationFileThenEnvironment(t *testing.T) {
	t.Parallel()
	file := write(t, "server:\n  listen: 127.0.0.1:1\ncloud:\n  driver: sim\n  boot_time: 3s\nosb:\n  missing_version_status: 400\n")
	env := map[string]string{"BUMPWIRE_SERVER_LISTEN": "127.0.0.1:2", "BUMPWIRE_METERING_WINDOW": "5m", "BUMPWIRE_OSB_RETRY_AFTER": "7s", "BUMPWIRE_PACKAGES_STRICT": "true", "BUMPWIRE_PROVISION_RECONCILE_POLICY": "repair"}
	c, err := readConfig(file, func(name string) string { return env[name] })
	require.NoError(t, err)
	want := standard()
	want.Server.Listen = "127.0.0.1:2"
	want.Cloud.Driver, want.Cloud.BootTime = "sim", 3*time.Second
	want.OSB.MissingVersionStatus, want.OSB.RetryAfter = 400, 7*time.Second
	want.Metering.Window = 5 * time.Minute
	want.Packages.Strict = true
	want.Provision.Reconcile.Policy = "repair"
	require.Equal(t, want, c)
	require.NoError(t, c.check())
}

func TestConfigurationThatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"server:\n  lisen: x\n":             "lisen",
		"sever:\n  listen: x\n":             "sever",
		"metering:\n\n  window: soon\n":     "soon",
		"server: {listen: 127.0.0.1:1":      "server",
		"osb:\n  missing_version_status: x": "missing_version_status",
	} {
		_, err := readConfig(write(t, text), none)
		require.ErrorIs(t, err, fault.Invalid, text)
		require.ErrorContains(t, err, "config.yaml", text)
		require.ErrorContains(t, err, want, text)
	}
	_, err := readConfig("no-such-file.yaml", none)
	require.ErrorIs(t, err, fault.Invalid)
}

func TestImpossibleValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*config){
		"provision.reconcile.policy is report or repair":              func(c *config) { c.Provision.Reconcile.Policy = "mend" },
		`provision.reconcile.schedule: "sometimes" is neither a cron`: func(c *config) { c.Provision.Reconcile.Schedule = "sometimes" },
		"server.listen":                func(c *config) { c.Server.Listen = "nowhere" },
		"server.data":                  func(c *config) { c.Server.Data = "" },
		"server.drain":                 func(c *config) { c.Server.Drain = -1 },
		"packages.signatures":          func(c *config) { c.Packages.Signatures = "maybe" },
		"packages.trust":               func(c *config) { c.Packages.Signatures = "trusted" },
		"packages.size_gib":            func(c *config) { c.Packages.SizeGiB = 0 },
		"packages.vendor_gib":          func(c *config) { c.Packages.VendorGiB = -1 },
		`"s3://packages" is not swift`: func(c *config) { c.Packages.Store = "s3://packages" },
		"packages.store":               func(c *config) { c.Packages.Store = "swift://a/b" },
		"packages.cloud":               func(c *config) { c.Packages.Cloud = "lab" },
		"cloud.parallel":               func(c *config) { c.Cloud.Parallel = 0 },
		"cloud.boot_wait is from 0":    func(c *config) { c.Cloud.BootWait = -1 },
		"to 8m0s, not 9m0s":            func(c *config) { c.Cloud.BootWait = 9 * time.Minute },
		"packages.uploads":             func(c *config) { c.Packages.Uploads = 0 },
		"osb.missing_version_status":   func(c *config) { c.OSB.MissingVersionStatus = 200 },
		"metering.zone":                func(c *config) { c.Metering.Zone = "Local" },
		"metering.retain_names":        func(c *config) { c.Metering.RetainNames = time.Hour },
		"metering.lateness":            func(c *config) { c.Metering.Lateness = 0 },
		"metering.window":              func(c *config) { c.Metering.Window = 0 },
		"monitor.every":                func(c *config) { c.Monitor.Every = -1 },
		"log.format":                   func(c *config) { c.Log.Format = "xml" },
	} {
		c := standard()
		change(&c)
		require.ErrorContains(t, c.check(), want)
	}
}

func TestStandardConfigurationIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	require.NoError(t, err)
	_, after, ok := strings.Cut(string(text), "```yaml\n")
	require.True(t, ok)
	block, _, ok := strings.Cut(after, "```")
	require.True(t, ok)
	c, err := readConfig(write(t, block), none)
	require.NoError(t, err)
	require.Equal(t, standard(), c)
}
