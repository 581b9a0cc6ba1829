package catalog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

// example pushes one of the project's OVF examples, edited by pairs of old and new
// text.
func (s shelf) example(t testing.TB, name string, changes ...string) catalog.Service {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "ovf", name))
	require.NoError(t, err)
	_, service := s.push(t, "example", archive(t, name, strings.NewReplacer(changes...).Replace(string(text))))
	return service
}

// What several systems want of each other is in the offering, even while this
// broker makes services of one.
func TestTheOfferingCarriesThePackagesStructure(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	suite := s.example(t, "collection.ovf")
	require.Equal(t, catalog.Structure{
		Networks: []catalog.Network{{Name: "inside"}},
		Startup: []catalog.Startup{
			{System: "workers", Order: 1, StartDelay: 5, StartAction: "powerOn", StopAction: "powerOff"},
			{System: "balancer", Order: 2, WaitingForGuest: true, StartAction: "powerOn", StopAction: "guestShutdown"},
		},
		ScaleOut: []catalog.ScaleOut{{System: "worker", Minimum: 1, Default: 2, Maximum: 4}},
	}, suite.Structure)
	require.Len(t, suite.Plans[0].Systems, 2)
	require.Equal(t, catalog.System{ID: "worker", Name: "worker", VCPUs: 2, MemoryBytes: 1 << 30, Networks: []string{}, Environment: "none"}, suite.Plans[0].Systems[1])
	missing := strings.Join(suite.Missing, "\n")
	require.Contains(t, missing, `has 2 virtual systems`)
	require.Contains(t, missing, `system "worker" has 1 to 4 copies`)

	schema := suite.Plans[0].Schema
	requireDraft4(t, schema)
	for parameters, ok := range map[string]bool{
		`{"instance_counts":{"worker":4}}`:   true,
		`{"instance_counts":{"worker":5}}`:   false,
		`{"instance_counts":{"worker":0}}`:   false,
		`{"instance_counts":{"worker":"1"}}`: false,
		`{"instance_counts":{"balancer":1}}`: false,
		`{"instance_counts":3}`:              false,
	} {
		require.Equal(t, ok, valid(t, schema, parameters), parameters)
	}
}

func TestPlacementIsInTheOffering(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	cluster := s.example(t, "cluster-2.0.ovf",
		`<File ovf:id="system" ovf:href="system.qcow2"/>`, "", `<File ovf:id="rescue" ovf:href="rescue.iso"/>`, "", `<File ovf:id="rules" ovf:href="rules.json"/>`, "",
		`ovf:fileRef="system" `, "", `<rasd:HostResource>ovf:/file/rescue</rasd:HostResource>`, "",
		`<EnvironmentFilesSection><Info>Files for the guest</Info><File ovf:fileRef="rules" ovf:path="./etc/rules.json"/></EnvironmentFilesSection>`, "")
	require.Equal(t, []catalog.Placement{
		{Group: "apart", Policy: "availability", Description: "No two on one host", Members: []string{"node"}},
		{Group: "near", Policy: "affinity", Members: []string{"cluster"}},
	}, cluster.Structure.Placement)
	require.Equal(t, []catalog.ScaleOut{{System: "node", Description: "Filter nodes", Minimum: 2, Default: 3, Maximum: 8}}, cluster.Structure.ScaleOut)
	require.Equal(t, int64(6<<30), cluster.Plans[0].Systems[0].DiskBytes)
}

func TestCopiesWithoutABoundHaveOneHere(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	for count, want := range map[string]int{`ovf2:minimum="1" ovf2:default="2"`: 64, `ovf2:minimum="1" ovf2:default="2" ovf2:maximum="65535"`: 64} {
		suite := s.example(t, "collection.ovf", `ovf2:minimum="1" ovf2:default="2" ovf2:maximum="4"`, count, "<Product>Example Suite</Product>", "<Product>Example Suite</Product><Version>"+strings.ReplaceAll(count[16:], `"`, "")+"</Version>")
		require.Equal(t, want, suite.Structure.ScaleOut[0].Maximum)
		requireDraft4(t, suite.Plans[0].Schema)
	}
}

func TestLimitsFirmwareAndAddressesAreInTheOffering(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	bound := func(kind string, n string) string {
		return `<Item ovf:bound="` + kind + `"><rasd:ElementName>CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>` + n + `</rasd:VirtualQuantity></Item>`
	}
	_, service := s.push(t, "example", ova(t, "</VirtualHardwareSection>", bound("min", "1")+bound("max", "8")+"</VirtualHardwareSection>",
		"<Version>1.0</Version>", "<Version>1.0</Version><ProductUrl>https://example.net/wall</ProductUrl><VendorUrl>javascript:alert(1)</VendorUrl>"))
	require.Equal(t, "https://example.net/wall", service.ProductURL)
	require.Empty(t, service.VendorURL, "only http and https")
	require.Equal(t, catalog.Range{Min: 1, Max: 8}, service.Plans[0].Systems[0].VCPURange)
	text, err := json.Marshal(service.Plans[0].Systems[0])
	require.NoError(t, err)
	require.NotContains(t, string(text), "memory_range", "what is not said is not shown")
}
