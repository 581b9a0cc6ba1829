package ovf_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

func TestParseUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"byte": 1, "bytes": 1, "byte * 2^30": 1 << 30, "byte*2^30": 1 << 30, "byte * 2 ^ 30": 1 << 30, "byte*1024*1024": 1 << 20,
		"byte * 10^9": 1_000_000_000, "  byte\n* 2^20 ": 1 << 20, "MegaBytes": 1 << 20, "GigaBytes": 1 << 30, "KiloBytes": 1 << 10,
		"MB": 1 << 20, "GB": 1 << 30, "GiB": 1 << 30, "byte * 2^62": 1 << 62, "byte * 2^0": 1, "byte * 1^63": 1,
	} {
		got, err := ovf.ParseUnits(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "parsec", "hertz * 10^6", "byte * 2^64", "byte * 2^63", "byte * 2^-1", "byte * 10^9999", "byte^2", "byte * 2^20; rm -rf",
		"byte *", "byte * x", "byte * 0", "* 2^20", "byte / 8", "byte * 2^", "byte * 2^2^2", "byte * +2", "byte * 10^19",
		"byte * 2^40 * 2^40", "byte" + strings.Repeat(" * 1", 1<<20), strings.Repeat("x", 1<<20),
	} {
		_, err := ovf.ParseUnits(text)
		require.Error(t, err, text[:min(len(text), 40)])
		require.Less(t, len(err.Error()), 300)
	}
}

// What is accepted is exactly the product of its factors.
func TestUnitsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want, text := big.NewInt(1), "byte"
		for range rapid.IntRange(0, 5).Draw(t, "factors") {
			base, power := rapid.Int64Range(1, 1<<20).Draw(t, "base"), rapid.Int64Range(0, 20).Draw(t, "power")
			want.Mul(want, new(big.Int).Exp(big.NewInt(base), big.NewInt(power), nil))
			text += fmt.Sprintf(" * %d^%d", base, power)
		}
		got, err := ovf.ParseUnits(text)
		require.Equal(t, want.IsInt64(), err == nil || len(text) > 100)
		if err == nil {
			require.Equal(t, want.Int64(), got)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"byte * 2^30", "MB", "byte*1024*1024", "byte * 10^9999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ovf.ParseUnits(s)
		require.Equal(t, err == nil, n > 0)
		if err == nil {
			again, err := ovf.ParseUnits(fmt.Sprint("byte * ", n))
			require.NoError(t, err)
			require.Equal(t, n, again)
		}
	})
}
