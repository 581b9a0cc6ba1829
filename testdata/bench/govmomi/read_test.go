// Package govmomi measures ovf.ReadDescriptor beside the bare unmarshalling of
// the best known other OVF reader for Go, in one run and over real descriptors.
// It is a module of its own, so that the other reader is no dependency of ours.
package govmomi

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	other "github.com/vmware/govmomi/ovf"

	"github.com/bumpwire/bumpwire/ovf"
)

// descriptors of 20 KB, 58 KB, 107 KB and 462 KB.
var descriptors = []string{
	"cot__csr1000v.ovf", "govmomi__nsx-unified-appliance-9.1.0.0.25262063.ovf", "govmomi__O11N_VA-9.1.0.0.25262048.ovf",
	"govmomi__Operations-Cloud-Proxy-9.1.0.0.25262086.ovf",
}

func descriptor(b *testing.B, name string) []byte {
	dir := os.Getenv("BUMPWIRE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpus")
	}
	data, err := os.ReadFile(filepath.Join(dir, "real", name))
	if err != nil {
		b.Skipf("THE CORPUS OF REAL DESCRIPTORS IS NOT THERE, SO NOTHING IS MEASURED: set BUMPWIRE_CORPUS (%v)", err)
	}
	return data
}

// BenchmarkReadDescriptor reads, resolves and validates; the other's Unmarshal
// only fills structs. The two take turns, so that both meet the same noise, and
// the best time of each counts. ours/other is to stay below 1.5, B/size and
// live/size, which are our memory by the descriptor's size, below 30.
func BenchmarkReadDescriptor(b *testing.B) {
	for _, name := range descriptors {
		data := descriptor(b, name)
		b.Run(fmt.Sprintf("%dKB", (len(data)+500)/1000), func(b *testing.B) {
			ours := func() any { return ovf.ReadDescriptor(name, data, ovf.Options{}) }
			theirs := func() any {
				envelope, err := other.Unmarshal(bytes.NewReader(data))
				if err != nil {
					b.Fatal(err)
				}
				return envelope
			}
			size := float64(len(data))
			best := [2]time.Duration{time.Hour, time.Hour}
			for b.Loop() {
				best[0] = min(best[0], timed(ours))
				best[1] = min(best[1], timed(theirs))
			}
			b.ReportMetric(0, "ns/op") // of both together, which says nothing
			b.ReportMetric(allocated(ours)/size, "B/size")
			b.ReportMetric(allocated(theirs)/size, "other-B/size")
			b.ReportMetric(live(ours)/size, "live/size")
			b.ReportMetric(float64(best[0].Microseconds()), "ours-µs")
			b.ReportMetric(float64(best[1].Microseconds()), "other-µs")
			b.ReportMetric(float64(best[0])/float64(best[1]), "ours/other")
		})
	}
}

func timed(read func() any) time.Duration {
	start := time.Now()
	read()
	return time.Since(start)
}

// allocated is the bytes that one reading allocates.
func allocated(read func() any) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	read()
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// live is the bytes that are still in use while the result is.
func live(read func() any) float64 {
	before := heap()
	result := read()
	after := heap()
	runtime.KeepAlive(result)
	return float64(after) - float64(before)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
