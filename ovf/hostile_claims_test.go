package ovf_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// noSizes are fields of tar headers that say no size that a file can have.
var noSizes = []string{"0000000many", "00 00000077", "", "            ", "-0000000001", "+0000000001", "0x000000010", "0000000008",
	strings.Repeat("\xff", 12), "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\x80"}

// What a header claims is never made room for. Not parallel: it measures.
func TestHostileClaimsCostNoMemory(t *testing.T) {
	var packages [][]byte
	for _, disk := range []string{vmdk(1<<50, goodVMDK), qcow2(put64(24, 1<<59)), vhdx(nil), vdi(1, le64(368, 1<<59)), stream(nil)} {
		packages = append(packages, archive(descriptor, raw{name: "disk.img", data: disk}))
	}
	for _, field := range noSizes {
		packages = append(packages, withSize(field))
	}
	for n, p := range packages {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		pkg, err := ovf.Ingest(t.Context(), bytes.NewReader(p), &discardSink{}, ovf.Options{})
		runtime.ReadMemStats(&after)
		if err == nil {
			require.True(t, pkg.Valid())
		}
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "package %d", n)
	}
}
