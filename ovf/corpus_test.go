package ovf_test

import (
	"encoding/csv"
	"fmt"
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
	for _, row := range rows {
		file, system, configuration := row[0], row[1], row[2]
		t.Run(file+"/"+configuration, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join(dir, "real", file))
			require.NoError(t, err)
			pkg := ovf.ReadDescriptor(file, data, ovf.Options{})
			plan, ok := pkg.Plan(configuration)
			require.True(t, ok, "no such plan; findings:\n%s", pkg.Findings)
			require.Equal(t, row[3] == "true", plan.Default, "default")
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

func TestZZ(t *testing.T) {
	dir := corpusDir(t)
	files, _ := filepath.Glob(filepath.Join(dir, "real", "*.ovf*"))
	for _, f := range files {
		data, _ := os.ReadFile(f)
		pkg := ovf.ReadDescriptor(filepath.Base(f), data, ovf.Options{})
		fmt.Println("==", filepath.Base(f), pkg.Valid(), len(pkg.Findings), len(pkg.Plans()))
		for _, e := range pkg.Findings.Errors() {
			fmt.Println("   ", e)
		}
	}
	for _, row := range readTSV(t, filepath.Join(dir, "SUITE.tsv")) {
		data, err := os.ReadFile(filepath.Join(dir, "suite", row[0]))
		if err != nil {
			fmt.Println(err)
		}
		pkg := ovf.ReadDescriptor(filepath.Base(row[0]), data, ovf.Options{})
		if pkg.Valid() != (row[1] == "Pos") {
			fmt.Println("SUITE", row[0], row[1], row[2], strings.ReplaceAll(pkg.Findings.Errors().String(), "\n", "\n    "))
		}
	}
}
