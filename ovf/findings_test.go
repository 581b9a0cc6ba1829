package ovf_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/bumpwire/bumpwire/ovf"
)

// findingExamples are the packages of testdata/ovf/findings, by file. Each is a
// txtar archive CODE.txtar or CODE.WORD.txtar, wrong in the one way of its
// code; its last file, want, is the report. See package_test.go for how
// archives, disk images and certificates are told in text.
func findingExamples(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "findings", "*.txtar"))
	require.NoError(t, err)
	all := map[string]*txtar.Archive{}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		require.NoError(t, err)
		all[file] = a
	}
	return all
}

func codeOf(file string) ovf.Code {
	code, _, _ := strings.Cut(filepath.Base(file), ".")
	return ovf.Code(code)
}

// codesOf are the code of the file and those that come with it, which a line
// "also CODE" of its comment names.
func codesOf(file string, a *txtar.Archive) []ovf.Code {
	codes := []ovf.Code{codeOf(file)}
	for line := range strings.SplitSeq(string(a.Comment), "\n") {
		if code, ok := strings.CutPrefix(line, "also "); ok {
			codes = append(codes, ovf.Code(code))
		}
	}
	return codes
}

func TestEachFindingExampleIsReportedAsItSays(t *testing.T) {
	t.Parallel()
	for file, a := range findingExamples(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			pkg := open(t, a, ovf.Options{})
			for _, f := range pkg.Findings {
				require.Contains(t, codesOf(file, a), f.Code, "an example is wrong in one way:\n%s", pkg.Findings)
			}
			got := shortened(pkg.Findings)
			last := &a.Files[len(a.Files)-1]
			if *update && last.Name == "want" && string(last.Data) != got {
				last.Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(a), 0o644))
			}
			require.Equal(t, "want", last.Name)
			require.Equal(t, string(last.Data), got)
		})
	}
}

// shortened leaves out the middle of a long report.
func shortened(all ovf.Findings) string {
	const shown = 5
	if len(all) <= 2*shown {
		return all.String() + "\n"
	}
	return fmt.Sprintf("%s\n(%d more)\n%s\n", all[:1], len(all)-2, all[len(all)-1:])
}

// The table of codes says what the examples show, no more and no less: a code
// or a severity that no example shows, or one that the table does not have,
// fails.
func TestEachCodeAndItsSeveritiesHaveAnExample(t *testing.T) {
	t.Parallel()
	table, shown := map[ovf.Code]ovf.Severities{}, map[ovf.Code]ovf.Severities{}
	for _, group := range ovf.Explanations() {
		for _, e := range group.Codes {
			require.NotContains(t, table, e.Code, "explained twice")
			table[e.Code] = e.Severities
		}
	}
	for _, a := range findingExamples(t) {
		strict := open(t, a, ovf.Options{Strict: true}).Findings
		for _, f := range open(t, a, ovf.Options{}).Findings {
			shown[f.Code] |= occurrence(f, strict)
		}
	}
	require.Equal(t, table, shown)
}

// occurrence tells by the strict reading what kind of warning a finding is.
func occurrence(f ovf.Finding, strict ovf.Findings) ovf.Severities {
	if f.Severity == ovf.Error {
		return ovf.CanError
	}
	if slices.Contains(strict, f) {
		return ovf.CanRemark
	}
	return ovf.CanWarn
}

// Every constant of codes.go is explained, and used somewhere.
func TestEveryCodeIsExplainedAndUsed(t *testing.T) {
	t.Parallel()
	uses := map[string]int{}
	set := token.NewFileSet()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	declared := map[string]ovf.Code{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "explain") {
			continue
		}
		parsed, err := parser.ParseFile(set, file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				uses[n.Name]++
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "Code" && len(n.Values) == 1 {
					text, err := strconv.Unquote(n.Values[0].(*ast.BasicLit).Value)
					require.NoError(t, err)
					declared[n.Names[0].Name] = ovf.Code(text)
				}
			}
			return true
		})
	}
	require.Greater(t, len(declared), 80)
	for name, code := range declared {
		e, ok := ovf.Explain(code)
		require.True(t, ok, "%s is not explained: add it to explain_*.go", name)
		require.NotEmpty(t, e.Means+e.Matters+e.Remedy)
		require.Greater(t, uses[name], 1, "%s is never used", name)
	}
	_, ok := ovf.Explain("no-such-code")
	require.False(t, ok)
}

// The page for people is made of the table and of one line of each example.
func TestTheFindingsPageIsFresh(t *testing.T) {
	t.Parallel()
	lines := map[ovf.Code]string{}
	for file, a := range findingExamples(t) {
		if strings.Count(filepath.Base(file), ".") > 1 {
			continue // one example is enough for the page
		}
		for _, f := range open(t, a, ovf.Options{}).Findings {
			if lines[f.Code] == "" && f.Code == codeOf(file) {
				lines[f.Code] = f.String()
			}
		}
	}
	var b strings.Builder
	b.WriteString(pageHead)
	for _, group := range ovf.Explanations() {
		fmt.Fprintf(&b, "\n## %s\n", group.Title)
		for _, e := range group.Codes {
			fmt.Fprintf(&b, "\n### %s\n\n%s: %s\n\n*Why it matters:* %s\n\n*What to do:* %s\n\n```\n%s\n```\n",
				e.Code, severities(e.Severities), e.Means, e.Matters, e.Remedy, lines[e.Code])
		}
	}
	page := filepath.Join("..", "docs", "ovf-findings.md")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(b.String()), 0o644))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	require.True(t, b.String() == string(have), "docs/ovf-findings.md is stale: run `make generate`")
}

func severities(s ovf.Severities) string {
	var words []string
	for _, w := range []struct {
		bit  ovf.Severities
		word string
	}{{ovf.CanError, "**error**"}, {ovf.CanWarn, "**warning**"}, {ovf.CanRemark, "**warning** that stays one with `--strict`"}} {
		if s&w.bit != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " or ")
}

const pageHead = `# Findings in OVF packages

Made by ` + "`make generate`" + ` of the table of codes and its examples; do not edit.

Whatever reads a package here (` + "`bumpwire package inspect`" + `, ` + "`push`" + `, ` + "`build`" + `, ` + "`verify`" + `,
the management API) reports every problem at once, each on one line that editors can jump to:

` + "```" + `
file:line:column: severity code: message
` + "```" + `

An **error** refuses the package. A **warning** is a deviation that is tolerated, and an error
with ` + "`--strict`" + `, but for those that are about what the standard allows. Codes are stable;
messages are for people and may change.

Clause numbers are those of DSP0243 1.1 unless another document is named.
`
