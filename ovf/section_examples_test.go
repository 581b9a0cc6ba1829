package ovf_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// sections are the examples of testdata/ovf/sections: one for each section of
// the standard, named by it, and for those of others that are acted on.
func sections(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "sections", "*.ovf"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".ovf")] = filepath.Join("sections", filepath.Base(file))
	}
	return all
}

// Inspect shows what a person asks for; the golden file has beside it what else
// was read.
func TestEachSectionExampleReadsAsItsGoldenFileSays(t *testing.T) {
	t.Parallel()
	for name, file := range sections(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := example(t, file)
			require.Regexp(t, `<([a-z]+:)?`+name+`[ >]`, string(data), "named by its section")
			p := ovf.ReadDescriptor(name+".ovf", data, ovf.Options{})
			var read any
			require.NoError(t, json.Unmarshal([]byte(modelOf(t, p, nil)), &read))
			golden(t, filepath.Join("sections", name+".golden.json"), encode(t, map[string]any{"inspection": p.Inspect(), "read": read}))
			if !p.Valid() {
				return
			}
			requireSameWhenWritten(t, p)
			for _, f := range ovf.ReadDescriptor(name+".ovf", data, ovf.Options{Strict: true}).Findings {
				require.Equal(t, ovf.Warning, f.Severity, f.String())
			}
		})
	}
}
