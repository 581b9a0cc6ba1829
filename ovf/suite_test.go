package ovf_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// disputed are the labels of the suite that are held to be wrong, with the
// finding that refuses them; docs/ovf-conformance.md says why.
var disputed = map[string]ovf.Code{
	"Envelope/Pos/bare_minimal.ovf":              ovf.CodeMissingInfo,
	"HttpLocators_1_0/Pos/bare_minimal_http.ovf": ovf.CodeMissingInfo,
	"VirtualHardware_1_0/Pos/item_msgid.ovf":     ovf.CodeXMLPrefix,
}

// outside are the descriptors that nothing is wrong with: what is to be refused
// is another file of their package. Each is given such a file here.
var outside = map[string]struct {
	fault func(t *testing.T, descriptor []byte) map[string][]byte
	code  ovf.Code
}{
	"DigitalCertificates/Neg/valid_certificate.ovf":        {signedByAnother, ovf.CodeSignatureInvalid},
	"DiskSection_1_0/Neg/invalid_createType_disk.ovf":      {disk("# Disk DescriptorFile\nversion=1\ncreateType=\"noSuchType\"\n"), ovf.CodeDiskBacking},
	"DiskSection_1_0/Neg/invalid_delta_reference_disk.ovf": {disk("# Disk DescriptorFile\nversion=1\nparentFileNameHint=\"base.vmdk\"\n"), ovf.CodeDiskBacking},
	"Envelope/Neg/gzip_compression.ovf":                    {disk("not compressed at all"), ovf.CodeCompression},
	"Envelope/Neg/identity_compression.ovf":                {disk(compressed("KDMV")), ovf.CodeCompression},
	"Envelope/Neg/invalid_ref_size_null.ovf":               {disk(""), ovf.CodeDiskEmpty},
	"Envelope/Neg/invalid_vmdk.ovf":                        {disk(""), ovf.CodeDiskEmpty},
	"Envelope_1_0/Neg/invalid_ref_size_neg.ovf":            {disk(""), ovf.CodeDiskEmpty},
	"Envelope_1_0/Neg/invalid_vmdk.ovf":                    {disk(""), ovf.CodeDiskEmpty},
	"HttpLocators/Neg/valid_no_disk.ovf":                   {nothing, ovf.CodeFileMissing},
	"HttpLocators/Neg/valid_no_disk_in_server.ovf":         {nothing, ovf.CodeFileMissing},
}

var (
	hrefs = regexp.MustCompile(`:href="[^"]*/([^"/]+)"`)
	named = regexp.MustCompile(`:href="([^"]+)"`)
)

// disk is a package whose disk has that content.
func disk(content string) func(*testing.T, []byte) map[string][]byte {
	return func(_ *testing.T, descriptor []byte) map[string][]byte {
		return map[string][]byte{string(named.FindSubmatch(descriptor)[1]): []byte(content)}
	}
}

func nothing(*testing.T, []byte) map[string][]byte { return nil }

func compressed(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return b.String()
}

// signedByAnother is a package whose certificate is of another manifest.
func signedByAnother(t *testing.T, descriptor []byte) map[string][]byte {
	manifest := fmt.Appendf(nil, "SHA256(package.ovf)= %x\n", sha256.Sum256(descriptor))
	certificate, err := issue(t, "vendor", ecKey(t), nil).Sign("package.mf", append(manifest, '\n'))
	require.NoError(t, err)
	return map[string][]byte{"package.mf": manifest, "package.cert": certificate}
}

// What VMware's own tool accepts and refuses: a descriptor is judged by what it
// says, a package by what it holds.
func TestTheSuiteOfLabelledDescriptors(t *testing.T) {
	t.Parallel()
	dir := corpusDir(t)
	rows := readTSV(t, filepath.Join(dir, "SUITE.tsv"))
	require.Greater(t, len(rows), 150)
	require.LessOrEqual(t, len(disputed), 3)
	table := make([]string, len(rows))
	t.Run("files", func(t *testing.T) {
		for i, row := range rows {
			file, accept := row[0], row[1] == "Pos"
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(dir, "suite", file)
				pkg, err := ovf.Open(t.Context(), path, ovf.Options{})
				require.NoError(t, err)
				table[i] = verdict(file, pkg)
				switch given, absent := outside[file]; {
				case disputed[file] != "":
					require.Contains(t, codes(pkg.Findings.Errors()), disputed[file])
				case absent:
					require.True(t, pkg.Valid(), "the descriptor alone is right:\n%s", pkg.Findings)
					require.Contains(t, codes(packageOf(t, path, given.fault).Findings.Errors()), given.code)
				default:
					require.Equal(t, accept, pkg.Valid(), "findings:\n%s", pkg.Findings)
				}
			})
		}
	})
	golden(t, "suite.golden.tsv", []byte(strings.Join(table, "")))
}

// packageOf opens a folder with the descriptor, its hrefs shortened to plain
// names, and the files that fault gives it.
func packageOf(t *testing.T, path string, fault func(*testing.T, []byte) map[string][]byte) *ovf.Package {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	data = hrefs.ReplaceAll(data, []byte(`:href="$1"`))
	dir := t.TempDir()
	files := fault(t, data)
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.ovf"), data, 0o600))
	pkg, err := ovf.Open(t.Context(), dir, ovf.Options{})
	require.NoError(t, err)
	require.False(t, pkg.Valid())
	return pkg
}

// verdict is one line of a table: file, verdict, plans, and each finding with
// its line and code.
func verdict(file string, pkg *ovf.Package) string {
	word := "accepted"
	if !pkg.Valid() {
		word = "refused"
	}
	line := fmt.Sprintf("%s\t%s\t%d plans", file, word, len(pkg.Plans()))
	for _, f := range pkg.Findings {
		line += fmt.Sprintf("\t%d: %s %s", f.Line, f.Severity, f.Code)
	}
	return line + "\n"
}

// The page names each label that is not met as it stands, and no other.
func TestTheConformancePageNamesEveryExceptionOfTheSuite(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/ovf-conformance.md")
	require.NoError(t, err)
	var want, got []string
	for file := range disputed {
		want = append(want, file)
	}
	for file := range outside {
		want = append(want, file)
	}
	for _, m := range regexp.MustCompile("`([A-Za-z_0-9]+/(?:Pos|Neg)/[^`]+)`").FindAllStringSubmatch(string(page), -1) {
		got = append(got, m[1])
	}
	require.ElementsMatch(t, want, got)
}
