package ovf_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const examples = "../testdata/ovf"

// example reads a descriptor of our own test data.
func example(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, name))
	require.NoError(t, err)
	return data
}

// read parses a descriptor that must be valid.
func read(t testing.TB, name string) *ovf.Package {
	t.Helper()
	pkg := ovf.ReadDescriptor(name, example(t, name), ovf.Options{})
	require.True(t, pkg.Valid(), "findings:\n%s", pkg.Findings)
	return pkg
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join(examples, file)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(v))
	return b.Bytes()
}

func TestEachExampleReadsAsItsGoldenFileSays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"firewall", "minimal", "router-2.0", "collection", "legacy-0.9"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, name+".golden.json", encode(t, read(t, name+".ovf").Inspect()))
		})
	}
}

func TestTheParameterSchemaOfEachConfiguration(t *testing.T) {
	t.Parallel()
	pkg := read(t, "firewall.ovf")
	for _, configuration := range []string{"small", "large"} {
		golden(t, "firewall."+configuration+".schema.json", encode(t, pkg.ParameterSchema(configuration)))
	}
	require.Equal(t, pkg.ParameterSchema("large"), pkg.ParameterSchema(""), "large is the default")
}
