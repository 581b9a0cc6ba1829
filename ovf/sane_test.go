package ovf_test

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// requireSane holds of every report, whatever the package was: each code is
// explained and has a severity that its explanation knows, each finding is one
// harmless line with a whole place or none, all are in order and not too many.
func requireSane(t require.TestingT, findings ovf.Findings) {
	for _, f := range findings {
		e, ok := ovf.Explain(f.Code)
		require.True(t, ok, "%s is explained nowhere: %s", f.Code, f)
		if f.Severity == ovf.Error {
			require.NotZero(t, e.Severities&ovf.CanError, "an error by its explanation: %s", f)
		} else {
			require.Equal(t, ovf.Warning, f.Severity)
			require.NotZero(t, e.Severities&(ovf.CanWarn|ovf.CanRemark), "a warning by its explanation: %s", f)
		}
		require.NotEmpty(t, f.Message)
		require.Equal(t, f.Line == 0, f.Column == 0)
		require.False(t, strings.ContainsFunc(f.String(), func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }), "%q", f)
		require.Less(t, len(f.String()), 2000)
	}
	require.LessOrEqual(t, len(findings), 502)
	require.True(t, slices.IsSortedFunc(findings, func(a, b ovf.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	}), "%s", findings)
}
