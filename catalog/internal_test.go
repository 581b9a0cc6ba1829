package catalog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func TestAFullDiskIsSaidSo(t *testing.T) {
	t.Parallel()
	disk, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("THIS MACHINE HAS NO /dev/full: a full disk is not tested")
	}
	f := &stagedFile{file: disk}
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, fault.Full)
	require.Equal(t, "there is no space left to keep the package", fault.Message(err))
	require.ErrorIs(t, refusal(err), fault.Full)
	require.Equal(t, fault.Full, fault.KindOf(refusal(err)))
}

// Whatever is written in whatever pieces comes back, and long runs of zeros take
// no room.
func TestZerosBecomeHoles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		f, err := os.CreateTemp(dir, "")
		require.NoError(rt, err)
		staged, want := &stagedFile{file: f}, []byte(nil)
		for n := range rapid.IntRange(0, 8).Draw(rt, "pieces") {
			piece := make([]byte, rapid.IntRange(0, 3*holeSize).Draw(rt, "length"))
			if rapid.Bool().Draw(rt, "data") {
				piece = bytes.Repeat([]byte{byte(n + 1)}, len(piece))
			}
			wrote, err := staged.Write(piece)
			require.NoError(rt, err)
			require.Equal(rt, len(piece), wrote)
			want = append(want, piece...)
		}
		require.NoError(rt, staged.Close())
		got, err := os.ReadFile(f.Name())
		require.NoError(rt, err)
		require.True(rt, bytes.Equal(want, got))
	})
	f, err := os.Create(filepath.Join(dir, "large"))
	require.NoError(t, err)
	staged := &stagedFile{file: f}
	for range 64 {
		_, err := staged.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, staged.Close())
	info, err := os.Stat(f.Name())
	require.NoError(t, err)
	require.EqualValues(t, 64<<20, info.Size())
	if blocks, ok := info.Sys().(*syscall.Stat_t); ok {
		require.Less(t, blocks.Blocks*512, int64(1<<20))
	}
}

// corpus is where real vendors' descriptors lie.
func corpus(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("BUMPWIRE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "real", "*.ovf"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("NO CORPUS of real descriptors in %s (set BUMPWIRE_CORPUS): offerings of real packages are NOT tested", dir)
	}
	return files
}

// Whatever a real vendor has written makes a draft whose schemas a platform can
// read, or says why it cannot be published.
func TestEveryRealDescriptorMakesADraft(t *testing.T) {
	t.Parallel()
	drafts := 0
	for _, file := range corpus(t) {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		pkg := ovf.ReadDescriptor(filepath.Base(file), data, ovf.Options{})
		if !pkg.Valid() {
			continue
		}
		drafts++
		s, err := offering(Service{State: Draft}, describe("vendor", pkg), pkg, nil)
		require.NoError(t, err, file)
		names := map[string]bool{}
		for _, p := range s.Plans {
			require.False(t, names[p.Name], "%s: plan %q stands twice", file, p.Name)
			names[p.Name] = true
			require.Equal(t, p.Name, slug(p.Name), file)
			require.NotEmpty(t, p.Description, file)
			require.NoError(t, compiles(p.Schema), file)
			if len(p.Schema) > maxSchema {
				require.Contains(t, strings.Join(s.Missing, "\n"), "fewer properties", file)
			}
		}
		for _, text := range []string{s.DisplayName, s.Description, s.ProviderName} {
			require.NotEmpty(t, text, file)
			require.LessOrEqual(t, len([]rune(text)), 255, file)
			require.NotContains(t, text, "\n", file)
		}
	}
	require.Positive(t, drafts)
	t.Logf("%d drafts", drafts)
}

func compiles(schema json.RawMessage) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", document); err != nil {
		return err
	}
	_, err = c.Compile("schema.json")
	return err
}

func TestNamesAreFitForCommandLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"Small", "small"}, {"2 vCPU / 4 GiB", "2-vcpu-4-gib"}, {"--x--", "x"}, {"a.b", "a.b"}, {"Übergroß", "bergro"},
	} {
		require.Equal(t, c.want, slug(c.in))
	}
	require.Regexp(t, "^x[0-9a-f]{8}$", slug("../.."), "nothing of it can stay")
	rapid.Check(t, func(t *rapid.T) {
		name := slug(rapid.String().Draw(t, "name"))
		if name == "" || len(name) > 60 || slug(name) != name {
			t.Fatalf("%q is no name", name)
		}
		version := versionOf(rapid.String().Draw(t, "version"))
		if version == "" || strings.ContainsAny(version, "/@ \n\x00") {
			t.Fatalf("%q is no version", version)
		}
	})
}
