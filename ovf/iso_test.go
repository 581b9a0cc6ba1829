package ovf_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

// readISO reads all files under the volume descriptor in that sector: 16 for
// ISO 9660, 17 for Joliet. It checks what a careful reader relies on.
func readISO(t require.TestingT, img []byte, sector int) map[string][]byte {
	d := img[sector*2048:]
	require.Equal(t, "CD001\x01", string(d[1:7]))
	require.EqualValues(t, len(img)/2048, both(t, d[80:]))
	require.EqualValues(t, 34, d[156])
	files := map[string][]byte{}
	tables := readPathTables(t, img, d)
	seen := 0
	var walk func(prefix string, extent, length, parent uint32)
	walk = func(prefix string, extent, length, parent uint32) {
		require.Equal(t, extent, tables[prefix], "the path table leads to %q", prefix)
		seen++
		last := ""
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
			name := string(record[33 : 33+record[32]])
			start, size := both(t, record[2:]), both(t, record[10:])
			switch {
			case n < 2:
				require.Equal(t, string([]byte{byte(n)}), name)
				require.Equal(t, []uint32{extent, parent}[n], start)
				continue
			case record[25]&2 != 0:
				walk(prefix+name+"/", start, size, extent)
			default:
				files[prefix+name] = img[start*2048 : start*2048+size]
			}
			require.Greater(t, name, last, "in the order of the names")
			last = name
		}
	}
	root := d[156:190]
	walk("", both(t, root[2:]), both(t, root[10:]), both(t, root[2:]))
	require.Len(t, tables, seen, "no directory more than the path table lists")
	return files
}

// readPathTables are the directories of a volume descriptor's path table, which
// are the same in both byte orders and in the standard's order.
func readPathTables(t require.TestingT, img, d []byte) map[string]uint32 {
	length := both(t, d[132:])
	little := img[binary.LittleEndian.Uint32(d[140:])*2048:][:length]
	big := img[binary.BigEndian.Uint32(d[148:])*2048:][:length]
	directories, paths, before := map[string]uint32{}, []string{}, uint16(0)
	for at := 0; at < len(little); at += 8 + (int(little[at])+1)&^1 {
		name := string(little[at+8:][:little[at]])
		parent := binary.LittleEndian.Uint16(little[at+6:])
		require.Equal(t, name, string(big[at+8:][:big[at]]))
		require.Equal(t, parent, binary.BigEndian.Uint16(big[at+6:]))
		require.Equal(t, binary.LittleEndian.Uint32(little[at+2:]), binary.BigEndian.Uint32(big[at+2:]))
		require.GreaterOrEqual(t, parent, before)
		before = parent
		path := ""
		if len(paths) > 0 {
			path = paths[parent-1] + name + "/"
		}
		paths = append(paths, path)
		directories[path] = binary.LittleEndian.Uint32(little[at+2:])
	}
	return directories
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
	for _, name := range []string{"", "/a", "a/", "a//b", "a/../b", ".", "1/2/3/4/5/6/7/8/9", "\xff", "a\\b", "a;1", "a*", "a:b", "a?", "a\nb", strings.Repeat("x", 65), "\U0001F600"} {
		require.Error(t, ovf.WriteISO(&bytes.Buffer{}, "X", noon, []ovf.ISOFile{{Name: name}}), name)
	}
	for _, twice := range [][]ovf.ISOFile{{{Name: "a"}, {Name: "a"}}, {{Name: "a"}, {Name: "a/b"}}, {{Name: "a/b"}, {Name: "a"}}} {
		require.ErrorContains(t, ovf.WriteISO(&bytes.Buffer{}, "X", noon, twice), `"a"`)
	}
	large := make([]byte, 33<<20)
	require.ErrorContains(t, ovf.WriteISO(&bytes.Buffer{}, "X", noon, []ovf.ISOFile{{Name: "a", Data: large}, {Name: "b", Data: large}}), "longer than")
}

func TestFilesInDirectories(t *testing.T) {
	t.Parallel()
	files := []ovf.ISOFile{{Name: "z"}, {Name: "b/x.json", Data: []byte("1")}, {Name: "ovffiles/etc/rules.json", Data: []byte("2")},
		{Name: "ovffiles/etc/rules.jsonx", Data: []byte("3")}, {Name: "ovffiles/a-b"}, {Name: "ovffiles/a_b", Data: []byte("4")}, {Name: "1/2/3/4/5/6/7/8"}, {Name: "b/1/x"}}
	var b bytes.Buffer
	require.NoError(t, ovf.WriteISO(&b, "X", noon, files))
	joliet := readISO(t, b.Bytes(), 17)
	require.Len(t, joliet, len(files))
	for _, f := range files {
		parts := strings.Split(f.Name, "/")
		for n := range parts {
			parts[n] = wide(parts[n])
		}
		require.Equal(t, string(f.Data), string(joliet[strings.Join(parts, "/")]), f.Name)
	}
	require.Equal(t, map[string][]byte{
		"Z.;1": {}, "B/X.JSO;1": []byte("1"), "OVFFILES/ETC/RULES.JSO;1": []byte("2"), "OVFFILES/ETC/RULES_1.JSO;1": []byte("3"),
		"OVFFILES/A_B.;1": {}, "OVFFILES/A_B_1.;1": []byte("4"), "1/2/3/4/5/6/7/8.;1": {}, "B/1/X.;1": {},
	}, readISO(t, b.Bytes(), 16), "names that plain ISO 9660 cannot tell apart get a number")
}

// xorriso is another implementation, and what Linux distributions check CDs with.
func TestAnotherReaderFindsTheSame(t *testing.T) {
	t.Parallel()
	xorriso, err := exec.LookPath("xorriso")
	if err != nil {
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal("NOT TESTED: xorriso is not installed")
		}
		t.Skip("NOT TESTED: xorriso is not installed")
	}
	files := []ovf.ISOFile{{Name: ovf.EnvironmentFile, Data: []byte("<Environment/>")}, {Name: "ovffiles/etc/Regeln für alle.json", Data: bytes.Repeat([]byte("x"), 5000)}}
	for n := range 300 { // directories of several sectors, and a path table of more than one
		files = append(files, ovf.ISOFile{Name: fmt.Sprintf("many/directory-%d/file", n), Data: []byte{byte(n)}}, ovf.ISOFile{Name: fmt.Sprintf("many/file-%d", n)})
	}
	dir := t.TempDir()
	img := filepath.Join(dir, "x.iso")
	var b bytes.Buffer
	require.NoError(t, ovf.WriteISO(&b, "OVF ENV", noon, files))
	require.NoError(t, os.WriteFile(img, b.Bytes(), 0o600))
	for tree, plain := range map[string]bool{"any": false, "nojoliet": true} {
		out := filepath.Join(dir, tree)
		said, err := exec.Command(xorriso, "-no_rc", "-abort_on", "WARNING", "-read_fs", tree, "-osirrox", "on", "-indev", img, "-extract", "/", out).CombinedOutput()
		require.NoError(t, err, "%s", said)
		count := 0
		require.NoError(t, filepath.WalkDir(out, func(_ string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				count++
			}
			return err
		}))
		require.Equal(t, len(files), count, "%s", said)
		if plain {
			continue
		}
		for _, f := range files {
			data, err := os.ReadFile(filepath.Join(out, f.Name))
			require.NoError(t, err)
			require.True(t, bytes.Equal(f.Data, data), f.Name)
		}
	}
}

func FuzzISO(f *testing.F) {
	f.Add("ovf-env.xml", []byte("x"), "OVF")
	f.Add("ovffiles/a/b", []byte("x"), "cidata")
	f.Fuzz(func(t *testing.T, name string, data []byte, label string) {
		var b bytes.Buffer
		if ovf.WriteISO(&b, label, noon, []ovf.ISOFile{{Name: name, Data: data}}) != nil {
			return
		}
		require.Len(t, readISO(t, b.Bytes(), 16), 1)
		parts := strings.Split(name, "/")
		for n := range parts {
			parts[n] = wide(parts[n])
		}
		require.True(t, bytes.Equal(data, readISO(t, b.Bytes(), 17)[strings.Join(parts, "/")]))
	})
}
