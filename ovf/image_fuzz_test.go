package ovf_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// sounds are images that nothing is wrong with, small enough to be fuzzed.
func sounds() []string {
	return []string{
		vmdk(8, goodVMDK), stream(nil), qcow2(nil), qcow2(put32(4, 2)), vhd(2), dynamicVHD(4096, nil), vdi(1, nil), vhdx(nil), cd(),
		"LUKS\xba\xbe", goodVMDK, "COWD", strings.Repeat("plain", 1000),
	}
}

// FuzzDiskHeader reads any bytes as a disk.
func FuzzDiskHeader(f *testing.F) {
	for _, s := range sounds() {
		f.Add([]byte(s[:min(len(s), 400_000)]))
	}
	f.Fuzz(func(t *testing.T, data []byte) { judgedAlike(t, string(data)) })
}

// FuzzDiskFields changes bytes of sound images where their fields are: kind chooses
// the image, and changes are places and values.
func FuzzDiskFields(f *testing.F) {
	images := sounds()
	for kind := range images {
		f.Add(uint8(kind), []byte{0, 0, 4, 9})
		f.Add(uint8(kind), []byte{0, 1, 0, 0xff, 0, 0, 63, 1})
	}
	f.Fuzz(func(t *testing.T, kind uint8, changes []byte) {
		data := []byte(images[int(kind)%len(images)])
		for ; len(changes) >= 4; changes = changes[4:] {
			place := int(changes[0])<<16 | int(changes[1])<<8 | int(changes[2])
			data[place%len(data)] = changes[3]
		}
		judgedAlike(t, string(data))
	})
}

// judgedAlike reads an image as a file, in pieces and compressed: the verdict is
// the same, and an image that is accepted is as safe as can be told without our
// reader.
func judgedAlike(t *testing.T, data string) {
	t.Helper()
	whole := diskCase{data: data, disk: `ovf:capacity="131072"`}.read(t)
	require.Len(t, whole.Images, 1)
	image := whole.Images[0]
	require.GreaterOrEqual(t, image.VirtualBytes, int64(0))
	require.LessOrEqual(t, image.VirtualBytes, int64(1<<60))
	if whole.Valid() {
		require.LessOrEqual(t, image.VirtualBytes, int64(131072+16*255*512))
		requireSelfContained(t, image.Format, data)
	}
	if image.Format == ovf.FormatGzip || data == "" {
		return
	}
	packed := diskCase{data: zipped(data), disk: `ovf:capacity="131072"`, file: `ovf:compression="gzip"`}.read(t)
	require.Equal(t, codes(whole.Findings.Errors()), codes(packed.Findings.Errors()))
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(data))), packed.Images[0].SHA256)
	pieces := inPieces(t, data, max(1, len(data)/7), 0)
	for _, other := range []*ovf.Package{packed, pieces} {
		require.Equal(t, codes(whole.Findings.Errors()), codes(other.Findings.Errors()))
		require.Equal(t, image.Format, other.Images[0].Format)
		require.Equal(t, image.VirtualBytes, other.Images[0].VirtualBytes)
		require.Equal(t, image.SHA256, other.Images[0].SHA256)
	}
}

// requireSelfContained looks, in the most simple-minded way, for what would lead a
// hypervisor to another file.
func requireSelfContained(t *testing.T, f ovf.Format, data string) {
	t.Helper()
	b := append([]byte(data), make([]byte, 512)...)
	switch f {
	case ovf.FormatRaw:
		for _, magic := range []string{"KDMV", "COWD", "QFI\xfb", "# Disk Descriptor", "vhdxfile", "conectix", "LUKS\xba\xbe"} {
			require.False(t, strings.HasPrefix(data, magic))
		}
	case ovf.FormatVMDK:
		require.Equal(t, "KDMV", data[:4])
		require.NotZero(t, binary.LittleEndian.Uint64(b[12:]))
		start := binary.LittleEndian.Uint64(b[28:]) * 512
		require.NotContains(t, data[start:min(uint64(len(data)), start+20*512)], "parentFileNameHint")
	case ovf.FormatQCOW2:
		require.Zero(t, binary.BigEndian.Uint64(b[8:]))
		require.Zero(t, binary.BigEndian.Uint32(b[32:]))
		require.True(t, binary.BigEndian.Uint32(b[4:]) == 2 || binary.BigEndian.Uint64(b[72:])&^(1<<3|1<<4) == 0)
	case ovf.FormatVHD:
		require.NotEqual(t, uint32(4), binary.BigEndian.Uint32([]byte(data[len(data)-512+60:])))
	case ovf.FormatVDI:
		require.Equal(t, make([]byte, 32), b[424:456])
	}
}

// inPieces reads a disk that was cut into pieces, of which those at swap and
// behind it have changed places; 0 for none.
func inPieces(t *testing.T, data string, size, swap int) *ovf.Package {
	t.Helper()
	text := strings.Replace(oneDisk, `"disk.img"`, fmt.Sprintf(`"disk.img" ovf:chunkSize="%d"`, size), 1)
	members := []raw{{name: "p.ovf", data: strings.Replace(text, `"4096"`, `"131072"`, 1)}}
	for n := 0; n*size < len(data); n++ {
		members = append(members, raw{name: fmt.Sprintf("disk.img.%09d", n), data: data[n*size : min(len(data), (n+1)*size)]})
	}
	if swap > 0 && swap+1 < len(members) {
		members[swap], members[swap+1] = members[swap+1], members[swap]
	}
	pkg, _, _ := ingest(t, archive(members...), ovf.Options{})
	require.NotNil(t, pkg)
	return pkg
}

// FuzzPieces cuts a file in pieces, compressed or not, perhaps in a wrong order or
// with one byte changed, and opens what was accepted again.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("plain bytes of a disk"), uint16(4), true, uint8(0), uint16(0))
	f.Add([]byte("plain bytes of a disk"), uint16(1), false, uint8(2), uint16(0))
	f.Add([]byte(strings.Repeat("\x00", 9000)), uint16(10), true, uint8(0), uint16(7))
	f.Fuzz(func(t *testing.T, plain []byte, size uint16, compress bool, swap uint8, spoil uint16) {
		stored, attributes := string(plain), ""
		if compress {
			stored, attributes = zipped(stored), ` ovf:compression="gzip"`
		}
		if spoil > 0 && len(stored) > 0 {
			stored = string(altered(stored, func(b []byte) { b[int(spoil)%len(b)] ^= 0x55 }))
		}
		chunk := max(int(size), len(stored)/900+1)
		text := strings.Replace(oneDisk, `"disk.img"`, fmt.Sprintf(`"disk.img" ovf:chunkSize="%d"`+attributes, chunk), 1)
		members := []raw{{name: "p.ovf", data: text}}
		for n := 0; n*chunk < len(stored); n++ {
			members = append(members, raw{name: fmt.Sprintf("disk.img.%09d", n), data: stored[n*chunk : min(len(stored), (n+1)*chunk)]})
		}
		swapped := swap > 0 && int(swap)+1 < len(members)
		if swapped {
			members[swap], members[swap+1] = members[swap+1], members[swap]
		}
		pkg, sink, err := ingest(t, archive(members...), ovf.Options{})
		if swapped {
			require.Contains(t, codes(pkg.Findings.Errors()), ovf.CodeMemberOrder)
		}
		if err != nil {
			return
		}
		image, ok := pkg.Image("disk.img")
		require.True(t, ok)
		got := opened(t, image, sink)
		require.True(t, spoil > 0 || slices.Equal(plain, got))
		require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(got)), image.SHA256)
	})
}

func opened(t *testing.T, image ovf.Image, sink *memorySink) []byte {
	t.Helper()
	r, err := ovf.OpenImage(image, func(member string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(sink.files[member].Bytes())), nil
	})
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return data
}
