package catalog_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
)

func TestAVersionBecomesASemanticOne(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.2.0": "1.2.0", "1.2.3-rc.1+build.5": "1.2.3-rc.1+build.5", "0": "0.0.0", "7.2": "7.2.0", "12": "12.0.0", "v1.4.0": "1.4.0",
		"10.1.3.4-a": "10.1.3+4-a", "7.02": "7.2.0", "2024_07": "2024.0.0+07", "final": "0.0.0+final", "9.1.12-h4": "9.1.12-h4",
		"1.2-beta": "1.2.0+beta", "1.2.3-01": "1.2.3+01", "1.2.3++x": "1.2.3+x", "1..2": "1.0.0+2", "vmx": "0.0.0+vmx",
		"99999999999999999999": "999999999999999999.0.0+99",
	} {
		require.Equal(t, want, catalog.PackageID("example/fw@"+version).MaintenanceVersion(), version)
	}
}

// As semver.org, "Is there a suggested regular expression", has it.
var suggested = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?$`)

func TestEveryVersionBecomesASemanticOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.StringMatching(`[vV0-9a-z.+_-]{1,100}`).Draw(t, "version")
		require.Regexp(t, suggested, catalog.PackageID("example/fw@"+version).MaintenanceVersion())
	})
}
