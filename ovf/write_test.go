package ovf_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/bumpwire/bumpwire/ovf"
)

// model is what a writer must keep: everything that is exported and is not
// about the file that was read. 0.9 is written as 1.x.
func model(t require.TestingT, p *ovf.Package) string { return modelOf(t, p, p.Plans()) }

// modelWithoutPlans is of a package that was put together, not read.
func modelWithoutPlans(t require.TestingT, p *ovf.Package) string { return modelOf(t, p, nil) }

func modelOf(t require.TestingT, p *ovf.Package, plans []ovf.Plan) string {
	var parts []any
	var visit func(c *ovf.Content, depth int)
	visit = func(c *ovf.Content, depth int) {
		one := *c
		one.Parent, one.Children, one.Hardware = nil, nil, slices.Clone(c.Hardware)
		for i := range one.Hardware { // the order of requirements means nothing
			one.Hardware[i].Requirements = slices.SortedStableFunc(slices.Values(one.Hardware[i].Requirements), func(a, b ovf.Requirement) int {
				return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.InstanceID, b.InstanceID), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value))
			})
		}
		parts = append(parts, depth, one)
		for _, child := range c.Children {
			visit(child, depth+1)
		}
	}
	visit(p.Content, 0)
	data, err := json.MarshalIndent([]any{
		p.Language, p.Files, p.Disks, p.Networks, p.Configurations, p.PlacementGroups, parts, plans, p.Dialect == ovf.Dialect2,
	}, "", " ")
	require.NoError(t, err)
	return strings.NewReplacer(": []", ": null", ": {}", ": null").Replace(string(data))
}

// written is the descriptor of a package and what reading it gives.
func written(t require.TestingT, p *ovf.Package, opts ovf.Options) ([]byte, *ovf.Package) {
	var b bytes.Buffer
	_, err := p.WriteDescriptor(&b)
	require.NoError(t, err)
	return b.Bytes(), ovf.ReadDescriptor(p.Descriptor, b.Bytes(), opts)
}

var remarks = regexp.MustCompile(` *<!-- left out: .* -->\n`)

func requireSameWhenWritten(t require.TestingT, p *ovf.Package) {
	text, back := written(t, p, ovf.Options{})
	require.Equal(t, model(t, p), model(t, back), "%s", text)
	again, _ := written(t, back, ovf.Options{})
	require.Equal(t, remarks.ReplaceAllString(string(text), ""), string(again))
}

func TestExamplesAreTheSameWhenWritten(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(examples, "*.ovf"))
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			requireSameWhenWritten(t, read(t, filepath.Base(file)))
		})
	}
}

func TestRealDescriptorsAreTheSameWhenWritten(t *testing.T) {
	t.Parallel()
	dir := corpusDir(t)
	count := 0
	for _, part := range []string{"real", "suite"} {
		err := filepath.WalkDir(filepath.Join(dir, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if p := ovf.ReadDescriptor(filepath.Base(path), data, ovf.Options{}); p.Valid() {
				count++
				t.Run(filepath.Base(path), func(t *testing.T) {
					t.Parallel()
					requireSameWhenWritten(t, p)
				})
			}
			return nil
		})
		require.NoError(t, err)
	}
	require.Greater(t, count, 150)
}

// What is written of an example needs no tolerance, whatever the example did.
func TestExamplesAreFlawlessWhenWritten(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"firewall", "minimal", "router-2.0", "collection", "cluster-2.0", "legacy-0.9"} {
		_, back := written(t, read(t, name+".ovf"), ovf.Options{})
		for _, f := range back.Findings {
			require.Contains(t, []ovf.Code{ovf.CodeNoUnits, ovf.CodePasswordDefault, ovf.CodeUnusedFile}, f.Code, "%s: %s", name, f)
		}
	}
}

// A program sets what it wants; the settings that say so are the writer's matter.
func TestFirmwareIsWrittenAsASetting(t *testing.T) {
	t.Parallel()
	p := read(t, "minimal.ovf")
	p.Content.Hardware[0].Firmware, p.Content.Hardware[0].SecureBoot = "efi", true
	_, back := written(t, p, ovf.Options{})
	require.Equal(t, "efi", back.Content.Hardware[0].Firmware)
	require.True(t, back.Content.Hardware[0].SecureBoot)
	require.Len(t, back.Content.Hardware[0].Requirements, 2)
}

// What a reader takes out of a text, it takes out once.
func TestCleanedTextsAreTheSameWhenWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"&#x200b; a &#x202e;", strings.Repeat("long ", 20_000), strings.Repeat("é", 40_000) + "x"} {
		data := strings.Replace(string(example(t, "minimal.ovf")), "The least that is a package", text, 1)
		p := ovf.ReadDescriptor("minimal.ovf", []byte(data), ovf.Options{})
		require.True(t, p.Valid(), p.Findings.String())
		require.LessOrEqual(t, len(p.Content.Info), 64<<10)
		requireSameWhenWritten(t, p)
	}
}

func TestWhatIsNotWrittenIsToldOf(t *testing.T) {
	t.Parallel()
	text := strings.Replace(string(example(t, "minimal.ovf")), "<o:VirtualHardwareSection>",
		`<x:A-Section xmlns:x="urn:x--y" o:required="false"><o:Info>of somebody else</o:Info></x:A-Section><o:VirtualHardwareSection>`, 1)
	p := ovf.ReadDescriptor("minimal.ovf", []byte(text), ovf.Options{})
	var b bytes.Buffer
	omitted, err := p.WriteDescriptor(&b)
	require.NoError(t, err)
	require.Equal(t, p.Extensions, omitted)
	require.Len(t, omitted, 1)
	require.Contains(t, b.String(), "<!-- left out: A\u2010Section of urn:x\u2010\u2010y -->")
}

func TestOnlyAValidPackageIsWritten(t *testing.T) {
	t.Parallel()
	refusedOf := func(p *ovf.Package) ovf.Findings {
		var b bytes.Buffer
		_, err := p.WriteDescriptor(&b)
		var refused *ovf.Refused
		require.ErrorAs(t, err, &refused)
		require.Empty(t, b.Bytes())
		return refused.Findings
	}
	refusedOf(&ovf.Package{})
	wrong := ovf.ReadDescriptor("x.ovf", []byte("<Envelope/>"), ovf.Options{})
	require.Equal(t, wrong.Findings, refusedOf(wrong))
	p := read(t, "minimal.ovf")
	p.Networks = []ovf.Network{{Name: "a"}, {Name: "a"}}
	require.Equal(t, ovf.CodeDuplicateID, refusedOf(p).Errors()[0].Code)
	require.Equal(t, "minimal.ovf", refusedOf(p).Errors()[0].File)
}

func TestAWriterRefusesWhatXMLCannotHold(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a\x00b", "\x1b[31m", "\xff", "\ufffe"} {
		p := read(t, "minimal.ovf")
		p.Content.Annotation = text
		_, err := p.WriteDescriptor(&bytes.Buffer{})
		require.ErrorContains(t, err, "Annotation holds a character that XML cannot hold")
		p = read(t, "minimal.ovf")
		p.Networks = []ovf.Network{{Name: text}}
		_, err = p.WriteDescriptor(&bytes.Buffer{})
		require.ErrorContains(t, err, "ovf:name holds a character that XML cannot hold")
	}
}

func TestAFailingWriterIsToldOf(t *testing.T) {
	t.Parallel()
	_, err := read(t, "minimal.ovf").WriteDescriptor(failingWriter{})
	require.ErrorIs(t, err, errSink)
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errSink }

// What is accepted reads the same when it is written, whatever it is.
func FuzzDescriptorRoundTrip(f *testing.F) {
	seedDescriptors(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if p := ovf.ReadDescriptor("x.ovf", data, ovf.Options{}); p.Valid() {
			requireSameWhenWritten(t, p)
		}
	})
}

// seedDescriptors adds the examples, whole and one per section and finding.
func seedDescriptors(f *testing.F) {
	f.Helper()
	for _, name := range []string{"firewall", "minimal", "router-2.0", "collection", "cluster-2.0", "legacy-0.9"} {
		f.Add(example(f, name+".ovf"))
	}
	for _, pattern := range []string{"findings/*.txtar", "sections/*.ovf"} {
		files, err := filepath.Glob(filepath.Join(examples, pattern))
		require.NoError(f, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			if parts := txtar.Parse(data).Files; len(parts) > 0 {
				data = parts[0].Data
			}
			f.Add(data)
		}
	}
}
