// Package importtest keeps the directions of import: who may know whom. It reads
// the sources instead of asking the go command, whose answer the test cache could
// not see change.
package importtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/bumpwire/bumpwire"

// rule says what the sources of a package, its tests apart, may import beyond the
// standard library.
type rule struct {
	dir    string
	reason string
	ours   []string // folders of this module
	others []string // modules, by the beginning of their import path
}

// rules has a row for every package; one without a row fails.
func rules() []rule {
	return []rule{
		{"internal/fault", "a leaf: everybody may know it", nil, nil},
		{"internal/iso4217", "a leaf: the money there is", nil, []string{"github.com/stretchr/testify"}},
		{"internal/importtest", "a leaf", nil, []string{"github.com/stretchr/testify"}},
		{"internal/seal", "keeps secrets, knows nobody", []string{"internal/fault"}, nil},
		{"internal/store", "a contract: knows no back end", []string{"internal/fault"}, nil},
		{"internal/store/sqlitestore", "a back end: the contract and its library", []string{"internal/fault", "internal/store"}, []string{"modernc.org/sqlite"}},
		{"internal/store/mongostore", "a back end: the contract and its library", []string{"internal/fault", "internal/store"}, []string{"go.mongodb.org/mongo-driver"}},
		{"internal/store/storetest", "the contract as tests, and a store for tests", []string{"internal/fault", "internal/store", "internal/store/sqlitestore", "internal/store/mongostore"},
			[]string{"github.com/stretchr/testify", "go.mongodb.org/mongo-driver", "pgregory.net/rapid"}},

		{"ovf", "bytes in, packages out: knows nothing of ours", nil, []string{"github.com/beevik/etree", "golang.org/x/net", "golang.org/x/text"}},
		{"catalog", "offerings out of packages", []string{"internal/fault", "internal/iso4217", "internal/store", "ovf"}, []string{"github.com/google/uuid", "github.com/shopspring/decimal", "golang.org/x/sys"}},

		{"catalog/swift", "keeps bytes in an object store: the contract and its library", []string{"catalog", "internal/fault", "ovf"}, []string{"github.com/gophercloud/gophercloud"}},
		{"catalog/blobtest", "the contract as tests", []string{"catalog", "internal/fault"}, []string{"github.com/stretchr/testify"}},

		{"provision/topology", "pure: no input, no output, no cloud", nil, nil},
		{"provision/work", "carries out changes, knows no cloud", []string{"internal/fault", "internal/store"}, nil},
		{"provision/cloud", "a contract: knows no driver", []string{"internal/fault", "provision/topology"}, nil},
		{"provision/cloud/cloudtest", "the contract as tests", []string{"internal/fault", "provision/cloud", "provision/topology"}, []string{"github.com/stretchr/testify", "pgregory.net/rapid"}},
		{"provision/cloud/sim", "a driver: the contract and its library; no other driver", []string{"internal/fault", "provision/cloud", "provision/topology"},
			[]string{"github.com/rogpeppe/go-internal/lockedfile"}},
		{"provision/cloud/linux", "a driver: the contract and its libraries; no other driver", []string{"internal/fault", "provision/cloud", "provision/topology"},
			[]string{"github.com/vishvananda/netlink", "github.com/vishvananda/netns", "github.com/mdlayher/packet", "golang.org/x/net", "golang.org/x/sync", "golang.org/x/sys"}},
		{"provision/cloud/openstack/ovn/ovntest", "a northbound database for tests, and what Neutron writes there", nil,
			[]string{"github.com/go-logr/logr", "github.com/ovn-kubernetes/libovsdb", "github.com/stretchr/testify"}},
		{"provision/cloud/openstack/ovn", "moves a plug in OVN's northbound database; knows nothing of OpenStack's API", []string{"internal/fault"},
			[]string{"github.com/go-logr/logr", "github.com/ovn-kubernetes/libovsdb"}},
		{"provision/cloud/openstack", "a driver: the contract and its libraries; no other driver", []string{"internal/fault", "provision/cloud", "provision/cloud/openstack/ovn", "provision/topology"},
			[]string{"github.com/gophercloud/gophercloud", "golang.org/x/sync"}},
		{"provision", "decides about instances; chooses no driver", []string{"catalog", "internal/fault", "internal/seal", "internal/store", "ovf", "provision/cloud", "provision/topology", "provision/work"},
			[]string{"github.com/robfig/cron", "github.com/santhosh-tekuri/jsonschema"}},
		{"provision/monitor", "watches instances through provision", []string{"provision", "provision/topology"}, nil},

		{"metering/rating", "pure: usage and prices in, lines out", []string{"catalog", "internal/fault", "internal/iso4217", "provision/topology"}, []string{"github.com/shopspring/decimal"}},
		{"metering/focus", "a file format: knows nothing of ours but what money there is", []string{"internal/iso4217"}, []string{"github.com/shopspring/decimal"}},
		{"metering", "reads history, prices it", []string{"catalog", "internal/fault", "internal/iso4217", "internal/store", "metering/focus", "metering/rating", "provision", "provision/topology"},
			[]string{"github.com/robfig/cron", "github.com/shopspring/decimal", "golang.org/x/sync"}},

		{"broker/api", "wire types and clients: what they show, but nobody who serves", []string{"catalog", "internal/fault", "metering", "metering/rating", "provision/topology"}, []string{"github.com/shopspring/decimal"}},
		{"broker/osbcheck", "tests any broker: knows wire words, nothing of ours that serves", []string{"broker/api", "internal/fault"}, []string{"github.com/santhosh-tekuri/jsonschema"}},
		{"broker/console", "pages out of wire types", []string{"broker/api"}, nil},
		{"broker", "translates HTTP; decides nothing, chooses no driver", []string{"broker/api", "broker/console", "catalog", "internal/fault", "internal/store", "metering", "metering/focus",
			"provision", "provision/cloud", "provision/topology", "provision/work"},
			[]string{"github.com/gorilla/mux", "github.com/prometheus", "golang.org/x/crypto"}},

		{"cmd/bumpwire", "the only place that chooses drivers", []string{"broker", "broker/api", "broker/osbcheck", "catalog", "catalog/swift", "internal/fault", "internal/iso4217", "internal/seal", "internal/store",
			"internal/store/mongostore", "internal/store/sqlitestore", "metering", "metering/focus", "metering/rating", "ovf", "provision", "provision/cloud", "provision/cloud/linux", "provision/cloud/openstack", "provision/cloud/openstack/ovn", "provision/cloud/sim", "provision/monitor",
			"provision/topology", "provision/work"},
			[]string{"github.com/goccy/go-yaml", "github.com/mattn/go-isatty", "github.com/schollz/progressbar", "github.com/shopspring/decimal", "github.com/spf13/cobra",
				"golang.org/x/net", "golang.org/x/sync", "golang.org/x/sys", "golang.org/x/term"}},
	}
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	found := sources(t)
	for _, r := range rules() {
		for _, f := range found[r.dir] {
			for _, spec := range f.file.Imports {
				path, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				if !r.allows(path) {
					t.Errorf("%s imports %s; %s: %s", f.name, path, r.dir, r.reason)
				}
			}
		}
		delete(found, r.dir)
	}
	for dir := range found {
		t.Errorf("package %s has no row in rules", dir)
	}
}

func (r rule) allows(path string) bool {
	if own, ok := strings.CutPrefix(path, module+"/"); ok {
		return slices.Contains(r.ours, own)
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	return slices.ContainsFunc(r.others, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	for dir, files := range sources(t) {
		if !slices.ContainsFunc(files, func(f source) bool { return f.file.Doc != nil }) {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

type source struct {
	name string
	file *ast.File
}

// sources are the parsed heads of all Go files by folder: tests apart, except in
// packages that are nothing but tests.
func sources(t *testing.T) map[string][]source {
	t.Helper()
	root := filepath.Join("..", "..")
	plain, tests := map[string][]source{}, map[string][]source{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "build" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		into := plain
		if strings.HasSuffix(path, "_test.go") {
			into = tests
		}
		into[filepath.ToSlash(dir)] = append(into[filepath.ToSlash(dir)], source{path, file})
		return nil
	}))
	for dir, files := range tests {
		if plain[dir] == nil {
			plain[dir] = files
		}
	}
	require.NotEmpty(t, plain, "no sources found")
	return plain
}
