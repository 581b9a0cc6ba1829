package ovf_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// Reading and checking a descriptor, from a small to the largest real one.
func BenchmarkReadDescriptor(b *testing.B) {
	for _, name := range []string{
		"cot__csr1000v.ovf", "govmomi__nsx-unified-appliance-9.1.0.0.25262063.ovf", "govmomi__O11N_VA-9.1.0.0.25262048.ovf",
		"govmomi__Operations-Cloud-Proxy-9.1.0.0.25262086.ovf",
	} {
		data, err := os.ReadFile(filepath.Join(corpusDir(b), "real", name))
		require.NoError(b, err)
		b.Run(fmt.Sprintf("%dKB", len(data)/1000), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				ovf.ReadDescriptor(name, data, ovf.Options{})
			}
		})
	}
}

// One pass over 256 MiB: tar, SHA-256 and a sink that costs nothing.
func BenchmarkIngest(b *testing.B) {
	const size = 256 << 20
	manifest := manifestOf(sha256Line(descriptor), "SHA256(disk.img)= a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484\n")
	header := diskFile.as(func(h []byte) { copy(h[124:], fmt.Sprintf("%011o\x00", size)) })
	start := append(append(descriptor.bytes(), manifest.bytes()...), header.bytes()[:512]...)
	b.SetBytes(size)
	for b.Loop() {
		stream := io.MultiReader(bytes.NewReader(start), io.LimitReader(zeros{}, size+1024))
		_, err := ovf.Ingest(b.Context(), stream, &discardSink{}, ovf.Options{})
		require.ErrorContains(b, err, "capacity", "all of it was read, and the disk is larger than it claims")
	}
}
