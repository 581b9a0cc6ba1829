package ovf_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

func compile(t *testing.T, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(encode(t, schema))))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("parameters.json", doc))
	compiled, err := c.Compile("parameters.json")
	require.NoError(t, err, "it must be valid draft-04")
	return compiled
}

func TestParametersAreHeldToTheSchema(t *testing.T) {
	t.Parallel()
	schema := compile(t, read(t, "firewall.ovf").ParameterSchema("small"))
	const rest = `"com.example.firewall.password": "long enough", "com.example.firewall.connections": 18446744073709551615`
	for text, valid := range map[string]bool{
		`{` + rest + `}`: true,
		`{` + rest + `, "com.example.firewall.mtu": 9000}`:                       true,
		`{` + rest + `, "com.example.firewall.mtu": 9001}`:                       false,
		`{` + rest + `, "com.example.firewall.mtu": "1500"}`:                     false,
		`{` + rest + `, "com.example.firewall.mode": "a, b"}`:                    true,
		`{` + rest + `, "com.example.firewall.mode": "loose"}`:                   false,
		`{` + rest + `, "com.example.firewall.address": "192.0.2.1"}`:            true,
		`{` + rest + `, "com.example.firewall.build": "b43"}`:                    false, // not the user's
		`{` + rest + `, "unknown": 1}`:                                           false,
		`{"com.example.firewall.password": "long enough"}`:                       false, // connections has no default
		`{"com.example.firewall.connections": 1}`:                                false,
		strings.Replace(`{`+rest+`}`, "long enough", "short", 1):                 false,
		strings.Replace(`{`+rest+`}`, "18446744073709551615", "-1", 1):           false,
		strings.Replace(`{`+rest+`}`, "18446744073709551615", "1.5", 1):          false,
		strings.Replace(`{`+rest+`}`, "long enough", strings.Repeat("x", 65), 1): false,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		err = schema.Validate(value)
		require.Equal(t, valid, err == nil, "%s: %v", text, err)
	}
}

func TestEveryRealPackageHasAValidSchema(t *testing.T) {
	t.Parallel()
	rows := readTSV(t, corpusDir(t)+"/EXPECTED-PLANS.tsv")
	for _, row := range rows {
		pkg, err := ovf.Open(t.Context(), corpusDir(t)+"/real/"+row[0], ovf.Options{})
		require.NoError(t, err)
		compile(t, pkg.ParameterSchema(row[2]))
		_, err = json.Marshal(pkg.Inspect())
		require.NoError(t, err)
	}
}
