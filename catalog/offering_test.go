package catalog_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/ovf"
)

func TestTheFirewallsSchemas(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	service := s.publish(t, "example", firewall(t, ovf.BuildOptions{}))
	for _, p := range service.Plans {
		requireDraft4(t, p.Schema)
		var text bytes.Buffer
		require.NoError(t, json.Indent(&text, p.Schema, "", "  "))
		golden(t, "firewall."+p.Name+".schema.json", append(text.Bytes(), '\n'))
		for parameters, ok := range map[string]bool{
			`{}`: true,
			`{"firewall.mtu":1400,"networks":["lan","dmz"]}`: true,
			`{"firewall.mtu":"1400"}`:                        false,
			`{"firewall.mtu":65536}`:                         false,
			`{"firewall.mtu":-1}`:                            false,
			`{"management.password":"short"}`:                false,
			`{"networks":["lan","dmz","third"]}`:             false,
			`{"networks":["lan","lan"]}`:                     false,
			`{"networks":"lan"}`:                             false,
			`{"firewall":{}}`:                                false,
		} {
			require.Equal(t, ok, valid(t, p.Schema, parameters), parameters)
		}
	}
	requireDraft4(t, catalog.BindSchema(catalog.Insertion{}))
	requireDraft4(t, catalog.BindSchema(catalog.Insertion{Modes: []string{"redirect"}}))
}

// requireDraft4 checks a schema against the schema of draft-04 itself.
func requireDraft4(t testing.TB, schema json.RawMessage) {
	t.Helper()
	c := jsonschema.NewCompiler()
	meta, err := c.Compile("http://json-schema.org/draft-04/schema#")
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	require.NoError(t, meta.Validate(document))
}

// A password that a vendor has put into a package is no secret between packages'
// owners and tenants; neither the catalog nor a platform is to spread it.
func TestAPasswordsDefaultDoesNotLeave(t *testing.T) {
	t.Parallel()
	const secret = "Default-Secret-42"
	s := newShelf(t)
	p, service := s.push(t, "example", ova(t, `ovf:password="true"`, `ovf:password="true" ovf:value="`+secret+`"`))
	packages, err := s.Packages(t.Context())
	require.NoError(t, err)
	for _, document := range []any{p, service, packages} {
		text, err := json.Marshal(document)
		require.NoError(t, err)
		require.NotContains(t, string(text), secret)
	}
}

// What OSB and Cloud Foundry take: names for command lines, descriptions of 255 and
// 10,000 characters, tags of 2,048 together.
func TestTextsFitThePlatforms(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	long := strings.Repeat("Größe ", 4000)
	_, service := s.push(t, "example", ova(t,
		"Keeps the bad out.", long, "<Product>Example Wall", "<Product>"+long, "<Label>Small", "<Label>"+long,
		"For an office", "One\u202eline\nand another", `type="firewall"`, `type="`+long+`"`, `ovf:id="large"`, `ovf:id="Very_Large!"`,
		`ovf:configuration="large"`, `ovf:configuration="Very_Large!"`))
	require.LessOrEqual(t, utf8.RuneCountInString(service.LongDescription), 10_000)
	for _, text := range []string{service.Description, service.DisplayName, service.ProviderName, service.Plans[0].DisplayName, service.Plans[0].Description} {
		require.NotEmpty(t, text)
		require.LessOrEqual(t, utf8.RuneCountInString(text), 255)
	}
	require.Equal(t, "One line", service.Plans[0].Description)
	require.LessOrEqual(t, len(strings.Join(service.Tags, "")), 2048)
	for _, name := range []string{service.Name, service.Plans[0].Name, service.Plans[1].Name} {
		require.Regexp(t, `^[a-z0-9][a-z0-9.-]*$`, name)
	}
	require.Equal(t, "very-large", service.Plans[1].Name)
}

func TestAPlanKeepsItsIdAndPricesUnderANewLabel(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	old := s.publish(t, "example", ova(t))
	_, err := s.SetPrice(t.Context(), old.ID, old.Plans[0].ID, euros("0.77"))
	require.NoError(t, err)
	service := s.publish(t, "example", ova(t, append(version("2.0"), "<Label>Small<", "<Label>Starter<", `amount="0.12"`, `amount="9"`)...))
	require.Equal(t, "Starter", service.Plans[0].DisplayName)
	require.Equal(t, old.Plans[0].ID, service.Plans[0].ID)
	require.Equal(t, old.Plans[0].Name, service.Plans[0].Name)
	require.Len(t, service.Plans[0].Prices, 2)
	require.Equal(t, "0.77", service.Plans[0].Prices[1].Amount.String())
}

func TestAFirstPriceMustHoldNow(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, draft := s.push(t, "example", ova(t, section(t), ""))
	later := euros("1")
	later.From = draft.Changed.AddDate(1, 0, 0)
	_, err := s.SetPrice(t.Context(), draft.ID, draft.Plans[0].ID, later)
	require.ErrorContains(t, err, "cannot begin later")
	_, err = s.SetPrice(t.Context(), draft.ID, draft.Plans[0].ID, euros("0"))
	require.NoError(t, err)
	service, err := s.SetPrice(t.Context(), draft.ID, draft.Plans[0].ID, later)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(service.Missing, "\n"), `plan "small" has no price`)
}

func TestAPackageOfSeveralSystemsCannotBePublished(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	single := untar(t, ova(t))["example.ovf"]
	system := single[strings.Index(single, "<VirtualSystem ") : strings.Index(single, "</VirtualSystem>")+len("</VirtualSystem>")]
	hardware := single[strings.Index(single, "<VirtualHardwareSection>") : strings.Index(single, "</VirtualHardwareSection>")+len("</VirtualHardwareSection>")]
	second := `<VirtualSystem ovf:id="helper"><Info>Another</Info>` + hardware + `</VirtualSystem>`
	_, draft := s.push(t, "example", ova(t, system,
		`<VirtualSystemCollection ovf:id="all"><Info>Two</Info>`+system+second+`</VirtualSystemCollection>`))
	require.Contains(t, strings.Join(draft.Missing, "\n"), `configuration "small" has 2 virtual systems`)
}

func TestAnEnvironmentThatFitsNoCDCannotBePublished(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, draft := s.push(t, "example", ova(t, "<VirtualHardwareSection>",
		`<EnvironmentFilesSection><Info>Files</Info><File ovf:fileRef="payload" ovf:path="1/2/3/4/5/6/7/8/9"/></EnvironmentFilesSection><VirtualHardwareSection>`))
	require.Contains(t, strings.Join(draft.Missing, "\n"), "lies deeper than 7 directories")
}
