package catalog_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel: what others allocate meanwhile would count.
func TestMemoryDoesNotGrowWithThePackage(t *testing.T) {
	path := vmdkOVA(t, 256<<20)
	s := newShelf(t)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, _, err := s.Push(t.Context(), "example", f)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.EqualValues(t, 256<<20, p.Files[2].Size)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(12<<20), "bytes allocated, freed ones included")

	if _, err := peak(); err != nil {
		t.Skipf("WHAT IS RESIDENT IS NOT TESTED: %v", err)
	}
	most := float64(mostMemory)
	if raced { // the detector keeps a shadow of all that is touched
		most *= 2
	}
	require.Less(t, pushMemory(t, path), most, "MiB resident at most")
}
