package ovf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

// readISO reads the root directory of the volume descriptor in that sector:
// 16 for ISO 9660, 17 for Joliet. It checks what a careful reader relies on.
func readISO(t require.TestingT, img []byte, sector int) map[string][]byte {
	d := img[sector*2048:]
	require.Equal(t, "CD001\x01", string(d[1:7]))
	require.EqualValues(t, len(img)/2048, both(t, d[80:]))
	root := d[156:190]
	require.EqualValues(t, 34, root[0])
	extent, length := both(t, root[2:]), both(t, root[10:])
	table := binary.LittleEndian.Uint32(d[140:])
	require.Equal(t, extent, binary.LittleEndian.Uint32(img[table*2048+2:]), "the path table leads to the root")
	table = binary.BigEndian.Uint32(d[148:])
	require.Equal(t, extent, binary.BigEndian.Uint32(img[table*2048+2:]))
	files := map[string][]byte{}
	directory := img[extent*2048 : extent*2048+length]
	for at, n := 0, 0; at < len(directory); n++ {
		record := directory[at:]
		if record[0] == 0 { // the rest of the sector is empty
			at = (at/2048 + 1) * 2048
			n--
			continue
		}
		require.LessOrEqual(t, at%2048+int(record[0]), 2048, "a record stays in its sector")
		at += int(record[0])
		name := record[33 : 33+record[32]]
		if n < 2 {
			require.Equal(t, []byte{byte(n)}, name)
			require.Equal(t, extent, both(t, record[2:]))
			continue
		}
		start, size := both(t, record[2:]), both(t, record[10:])
		files[string(name)] = img[start*2048 : start*2048+size]
	}
	return files
}

func both(t require.TestingT, b []byte) uint32 {
	little, big := binary.LittleEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	require.Equal(t, little, big)
	return little
}

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.BigEndian.AppendUint16(b, u)
	}
	return string(b)
}

func TestACDHoldsTheEnvironmentUnderItsName(t *testing.T) {
	t.Parallel()
	env := []byte("<Environment/>")
	var b, again bytes.Buffer
	files := []ovf.ISOFile{{Name: ovf.EnvironmentFile, Data: env}, {Name: "empty", Data: nil}}
	require.NoError(t, ovf.WriteISO(&b, "OVF-ENV", noon, files))
	require.NoError(t, ovf.WriteISO(&again, "OVF-ENV", noon, files))
	require.Equal(t, b.Bytes(), again.Bytes())
	require.Zero(t, b.Len()%2048)
	require.Equal(t, map[string][]byte{"OVF_ENV.XML;1": env, "EMPTY.;1": {}}, readISO(t, b.Bytes(), 16))
	require.Equal(t, map[string][]byte{wide("ovf-env.xml"): env, wide("empty"): {}}, readISO(t, b.Bytes(), 17))
	require.EqualValues(t, 255, b.Bytes()[18*2048])
	require.Equal(t, "%/E", string(b.Bytes()[17*2048+88:17*2048+91]))
}

func TestCDsOfAnyFiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var files []ovf.ISOFile
		for i := range rapid.IntRange(0, 100).Draw(t, "files") {
			files = append(files, ovf.ISOFile{Name: fmt.Sprintf("%d-file.with.dots", i), Data: rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "data")})
		}
		var b bytes.Buffer
		require.NoError(t, ovf.WriteISO(&b, "X", time.Time{}, files))
		plain, joliet := readISO(t, b.Bytes(), 16), readISO(t, b.Bytes(), 17)
		require.Len(t, plain, len(files))
		require.Len(t, joliet, len(files))
		for _, f := range files {
			require.True(t, bytes.Equal(f.Data, joliet[wide(f.Name)]))
		}
	})
}

func TestNamesThatACDCannotHold(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a/b", "a\\b", "a;1", "a*", "a:b", "a?", "a\nb", strings.Repeat("x", 65), "\U0001F600"} {
		require.Error(t, ovf.WriteISO(&bytes.Buffer{}, "X", noon, []ovf.ISOFile{{Name: name}}), name)
	}
	require.ErrorContains(t, ovf.WriteISO(&bytes.Buffer{}, "X", noon, []ovf.ISOFile{{Name: "a-b"}, {Name: "a_b"}}), "A_B")
}

func FuzzISO(f *testing.F) {
	f.Add("ovf-env.xml", []byte("x"), "OVF")
	f.Fuzz(func(t *testing.T, name string, data []byte, label string) {
		var b bytes.Buffer
		if ovf.WriteISO(&b, label, noon, []ovf.ISOFile{{Name: name, Data: data}}) != nil {
			return
		}
		require.Len(t, readISO(t, b.Bytes(), 16), 1)
		require.True(t, bytes.Equal(data, readISO(t, b.Bytes(), 17)[wide(name)]))
	})
}
