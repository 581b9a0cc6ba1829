package ovf_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// corpusDir returns the folder of collected descriptors, which is not part of
// the repository. Without it the tests that need it are skipped, loudly.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("BUMPWIRE_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "EXPECTED-PLANS.tsv")); err != nil {
		t.Skipf("THE CORPUS OF REAL DESCRIPTORS IS NOT THERE, SO NOTHING IS CHECKED AGAINST IT: set BUMPWIRE_CORPUS to its folder (looked in %s)", dir)
	}
	return dir
}

func readTSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	reader := csv.NewReader(f)
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = '\t', true, -1
	rows, err := reader.ReadAll()
	require.NoError(t, err)
	return rows[1:]
}

func TestEveryExpectedPlanComesOutRight(t *testing.T) {
	t.Parallel()
	dir := corpusDir(t)
	rows := readTSV(t, filepath.Join(dir, "EXPECTED-PLANS.tsv"))
	require.Greater(t, len(rows), 30)
	marked, first := map[string]bool{}, map[string]string{}
	for _, row := range rows {
		marked[row[0]] = marked[row[0]] || row[3] == "true"
		if first[row[0]] == "" {
			first[row[0]] = row[2]
		}
	}
	for _, row := range rows {
		file, system, configuration := row[0], row[1], row[2]
		t.Run(file+"/"+configuration, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(dir, "real", file))
			require.NoError(t, err)
			pkg := ovf.ReadDescriptor(file, data, ovf.Options{})
			plan, ok := pkg.Plan(configuration)
			require.True(t, ok, "no such plan; findings:\n%s", pkg.Findings)
			// Where no option is marked, the first is the default (DSP0243 9.8).
			isDefault := row[3] == "true" || (!marked[file] && first[file] == configuration)
			require.Equal(t, isDefault, plan.Default, "default")
			require.Equal(t, row[4], plan.Label)
			found := plan.Systems[indexOfSystem(plan, system)]
			require.Equal(t, number(row[5]), found.VCPUs, "CPUs")
			require.Equal(t, number(row[6])<<20, found.MemoryBytes, "memory")
			require.Len(t, found.NICs, int(number(row[7])), "NICs")
			require.Len(t, found.Disks, int(number(row[8])), "disks")
		})
	}
}

func indexOfSystem(plan ovf.Plan, id string) int {
	for i, s := range plan.Systems {
		if s.ID == id {
			return i
		}
	}
	return -1
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// Every real file is read or refused; the table says which, and why.
func TestEveryRealFileIsReadOrRefused(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(corpusDir(t), "real", "*"))
	require.NoError(t, err)
	require.Greater(t, len(files), 80)
	var table strings.Builder
	for _, file := range files {
		pkg, err := ovf.Open(t.Context(), file, ovf.Options{})
		require.NoError(t, err)
		table.WriteString(verdict(filepath.Base(file), pkg))
	}
	golden(t, "corpus.golden.tsv", []byte(table.String()))
}
