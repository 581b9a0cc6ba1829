package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// The first thing that is missing says how a check ends; what is limited or unknown
// does not.
func TestACheckEndsAsWhatIsMissingWould(t *testing.T) {
	t.Parallel()
	fine := cloud.Finding{Area: "network", Need: "extension router", Verdict: cloud.Met, Found: "loaded"}
	less := cloud.Finding{Area: "account", Need: "a token", Verdict: cloud.Limited, Found: "it ends", Remedy: "another\x1b[31m"}
	for exit, found := range map[int][]cloud.Finding{
		0: {fine, less, {Verdict: cloud.Unknown}},
		2: {less, {Verdict: cloud.Missing, Kind: fault.Invalid}, {Verdict: cloud.Missing, Kind: fault.Full}},
		4: {fine, {Verdict: cloud.Missing, Kind: fault.Forbidden}},
		5: {fine, {Verdict: cloud.Missing, Kind: fault.Full}},
	} {
		for _, output := range []string{"text", "json"} {
			var out, errs bytes.Buffer
			c := &cli{out: &out, errs: &errs, output: output}
			require.Equal(t, exit, c.report(c.printFindings("openstack", found)))
			require.NotEmpty(t, out.String())
			require.NotContains(t, out.String(), "\x1b")
			require.Empty(t, errs.String(), "the rows have said it")
		}
	}
}
