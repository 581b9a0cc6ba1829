package catalog_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// section cuts the whole NetworkServiceSection out of the example.
func section(t testing.TB) string {
	t.Helper()
	text := untar(t, ova(t))["example.ovf"]
	return text[strings.Index(text, "<bw:Net") : strings.Index(text, "</bw:NetworkServiceSection>")+len("</bw:NetworkServiceSection>")]
}

func TestPublishingSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		edits []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"prices", []string{`<bw:Price configuration="small" dimension="instance" unit="hour" amount="0.12" currency="EUR"/>`, "",
			`<bw:Price dimension="instance" unit="hour" amount="0.20" currency="EUR"/>`, ""},
			[]string{`plan "small" has no price`, `plan "large" has no price`}},
		{"two currencies", []string{`<bw:Price dimension="traffic" unit="GiB"`, `<bw:Price configuration="large" dimension="instance" unit="hour" amount="1" currency="USD"/><bw:Price configuration="large" dimension="instance" unit="hour"`},
			[]string{`plan "large" has prices in USD and EUR`}},
		{"the section, where names tell the roles", []string{section(t), ""},
			[]string{"the type of the service", `plan "small" has no price`}},
		{"the section, where names tell nothing", []string{section(t), "", `name="inside"`, `name="blue"`, ">inside<", ">blue<"},
			[]string{"the type of the service", `the role of NIC "eth1"`, "the inside leg: no NIC has that role"}},
		{"the outside", []string{`<bw:Leg instanceID="13" role="outside" pair="1"/>`, `<bw:Leg instanceID="13" role="ha"/>`, `zones="bridged"`, `zones="isolated"`},
			[]string{"the outside leg: no NIC has that role"}},
		{"a reserved property", []string{`ovf:key="ports"`, `ovf:key="networks"`}, []string{`property "networks" has the name of a parameter`}},
		{"the same NICs in every configuration", []string{`<Item><rasd:Connection>management<`, `<Item ovf:configuration="small"><rasd:Connection>management<`},
			[]string{`configuration "large" has other NICs`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			_, draft, err := s.Push(t.Context(), "example", bytes.NewReader(ova(t, c.edits...)))
			require.NoError(t, err)
			_, err = s.Publish(t.Context(), draft.ID, nil)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, fault.Invalid)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			for _, want := range c.want {
				require.Contains(t, strings.Join(f.Details, "\n"), want)
			}
			require.Equal(t, draft.Missing, f.Details, "the draft says the same before")
			still, err := s.Service(t.Context(), draft.ID)
			require.NoError(t, err)
			require.Equal(t, catalog.Draft, still.State)
		})
	}
}

func TestTheVendorMaySupplyWhatThePackageDoesNotSay(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	plain := []string{section(t), ""}
	_, draft := s.push(t, "example", ova(t, plain...))
	for _, p := range draft.Plans {
		_, err := s.SetPrice(t.Context(), draft.ID, p.ID, euros("0.5"))
		require.NoError(t, err)
	}
	_, err := s.Publish(t.Context(), draft.ID, &catalog.Insertion{Legs: []catalog.Leg{{NIC: "eth7", Role: "inside"}}})
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, `no NIC "eth7"`)
	_, err = s.Publish(t.Context(), draft.ID, &catalog.Insertion{Type: "firewall", Topology: "round", Modes: []string{"by-post"},
		Legs: []catalog.Leg{{NIC: "eth0", Role: "boss"}, {NIC: "eth1", Role: "inside"}, {NIC: "eth2", Role: "outside", Pair: 2}}})
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, []string{
		`the topology: "round" instead of single, symmetric`, `the modes: "by-post" instead of in-path, redirect`,
		`the role of NIC "eth0": "boss" is none of inside, outside, management and ha`,
		`the outside leg that belongs to NIC "eth1" of pair 1`, `the inside leg that belongs to NIC "eth2" of pair 2`,
	}, f.Details)

	// Legs by NIC in any order, or by place.
	right := &catalog.Insertion{Type: "firewall", Failure: "open", Legs: []catalog.Leg{{Role: "management"}, {NIC: "eth2", Role: "outside"}, {NIC: "eth1", Role: "inside"}}}
	service, err := s.Publish(t.Context(), draft.ID, right)
	require.NoError(t, err)
	require.Equal(t, []catalog.Leg{
		{NIC: "eth0", Network: "management", Model: "virtio", Role: "management"},
		{NIC: "eth1", Network: "inside", Model: "virtio", Role: "inside", Pair: 1},
		{NIC: "eth2", Network: "outside", Model: "virtio", Role: "outside", Pair: 1},
	}, service.Insertion.Legs)
	require.Equal(t, "open", service.Insertion.Failure)
	require.Equal(t, []string{"network-service", "firewall"}, service.Tags)

	// They hold for later versions, and add up.
	s.push(t, "example", ova(t, append(plain, version("1.1")...)...))
	service, err = s.Publish(t.Context(), draft.ID, &catalog.Insertion{HA: []string{"none", "respin", "cluster:3"}})
	require.NoError(t, err)
	require.Equal(t, catalog.PackageID("example/example@1.1"), service.Package)
	require.Equal(t, "open", service.Insertion.Failure)
	require.Equal(t, []string{"none", "respin", "cluster:3"}, service.Insertion.HA)
	require.Equal(t, "0.5", service.Plans[0].Prices[0].Amount.String())
}

func TestANewVersionWaitsUntilItIsPublished(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	old := s.publish(t, "example", ova(t))
	large := old.Plans[1]
	newer := ova(t, append(version("2.0"),
		`<Configuration ovf:id="large"><Label>Large</Label><Description>For a campus</Description></Configuration>`, `<Configuration ovf:id="huge"><Label>Huge</Label></Configuration>`,
		`<Item ovf:configuration="large">`, `<Item ovf:configuration="huge">`,
		`amount="0.12"`, `amount="0.99"`)...)
	_, pushed := s.push(t, "example", newer)
	require.Equal(t, catalog.PackageID("example/example@1.0"), pushed.Package)
	require.Equal(t, catalog.PackageID("example/example@2.0"), pushed.Candidate)
	offer, err := s.Offer(t.Context(), old.ID, large.ID)
	require.NoError(t, err)
	require.Equal(t, catalog.PackageID("example/example@1.0"), offer.Package.ID)

	published, err := s.Publish(t.Context(), old.ID, nil)
	require.NoError(t, err)
	require.Equal(t, catalog.PackageID("example/example@2.0"), published.Package)
	require.Empty(t, published.Candidate)
	require.Equal(t, []string{"small", "huge"}, []string{published.Plans[0].Name, published.Plans[1].Name})
	require.Equal(t, "0.12", published.Plans[0].Prices[0].Amount.String(), "a published price is not replaced by a suggestion")

	_, err = s.Offer(t.Context(), old.ID, large.ID)
	require.ErrorIs(t, err, fault.NotFound, "a plan that is gone takes no new instances")
	prices, err := s.Prices(t.Context(), old.ID, large.ID)
	require.NoError(t, err, "and its instances are still billed")
	require.Equal(t, "0.2", prices[0].Amount.String())
	_, err = s.Descriptor(t.Context(), "example/example@1.0")
	require.NoError(t, err, "and still served")

	// The plan comes back with its history.
	s.push(t, "example", ova(t, version("3.0")...))
	back, err := s.Publish(t.Context(), old.ID, nil)
	require.NoError(t, err)
	require.Equal(t, large.ID, back.Plans[1].ID)
	require.Len(t, back.Former, 1)
	s.requireSound(t)
}

func TestANewerDraftsSuggestedPriceCounts(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.push(t, "example", ova(t))
	_, service := s.push(t, "example", ova(t, append(version("1.1"), `amount="0.12"`, `amount="0.30"`)...))
	require.Equal(t, "0.3", service.Plans[0].Prices[0].Amount.String())
}

func TestTheLifeOfAService(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, draft := s.push(t, "example", ova(t))
	version := s.version(t)
	step := func(name string, do func(catalog.ServiceID) (catalog.Service, error), want catalog.State) {
		t.Helper()
		service, err := do(draft.ID)
		if want == "" {
			require.ErrorIs(t, err, fault.Conflict, name)
			return
		}
		require.NoError(t, err, name)
		require.Equal(t, want, service.State)
		require.NotEqual(t, version, s.version(t), "%s changes the catalog's version", name)
		version = s.version(t)
	}
	publish := func(id catalog.ServiceID) (catalog.Service, error) { return s.Publish(background, id, nil) }
	deprecate := func(id catalog.ServiceID) (catalog.Service, error) { return s.Deprecate(background, id) }
	retire := func(id catalog.ServiceID) (catalog.Service, error) { return s.Retire(background, id) }
	step("deprecate a draft", deprecate, "")
	step("retire a draft", retire, "")
	step("publish", publish, catalog.Published)
	step("deprecate", deprecate, catalog.Deprecated)
	step("publish again", publish, catalog.Published)
	step("retire", retire, catalog.Retired)
	step("deprecate a retired one", deprecate, "")
	offer, err := s.Offer(t.Context(), draft.ID, draft.Plans[0].ID)
	require.NoError(t, err, "instances of a retired service are still looked up")
	require.Equal(t, "small", offer.Plan.Name)
	step("bring back", publish, catalog.Published)

	for name, err := range map[string]error{
		"publish":   second(s.Publish(t.Context(), "nothing", nil)),
		"deprecate": second(s.Deprecate(t.Context(), "nothing")),
		"price":     second(s.SetPrice(t.Context(), "nothing", "x", euros("1"))),
		"plan":      second(s.SetPrice(t.Context(), draft.ID, "x", euros("1"))),
		"offer":     second(s.Offer(t.Context(), "nothing", "x")),
		"prices":    second(s.Prices(t.Context(), draft.ID, "x")),
		"package":   second(s.Package(t.Context(), "nothing")),
		"remove":    s.Remove(t.Context(), "nothing"),
		"blob":      second(s.Open(t.Context(), "sha256:"+strings.Repeat("0", 64))),
	} {
		require.ErrorIs(t, err, fault.NotFound, name)
	}
	for _, digest := range []string{"", "sha256:..", "sha256:" + strings.Repeat("A", 64), "../../etc/passwd"} {
		require.ErrorIs(t, second(s.Open(t.Context(), digest)), fault.Invalid, digest)
	}
}

func second[T any](_ T, err error) error { return err }

func TestRemovingAPackage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	first := s.publish(t, "example", ova(t))
	require.ErrorIs(t, s.Remove(t.Context(), first.Package), fault.Conflict, "it is on offer")
	before := s.files(t)

	// A newer version shares the payload; only its own bytes go.
	newer, service := s.push(t, "example", ova(t, version("2.0")...))
	require.Equal(t, newer.ID, service.Candidate)
	require.NoError(t, s.Remove(t.Context(), newer.ID))
	require.Equal(t, before, s.files(t))
	service, err := s.Service(t.Context(), first.ID)
	require.NoError(t, err)
	require.Empty(t, service.Candidate)

	_, err = s.Retire(t.Context(), first.ID)
	require.NoError(t, err)
	require.NoError(t, s.Remove(t.Context(), first.Package))
	require.Empty(t, s.files(t))
	_, err = s.Prices(t.Context(), first.ID, first.Plans[0].ID)
	require.NoError(t, err, "its bills can still be explained")
	_, err = s.Publish(t.Context(), first.ID, nil)
	require.ErrorIs(t, err, fault.Conflict)
	s.requireSound(t)

	// The same version may come back with other bytes, and nothing is stale.
	_, err = s.Descriptor(t.Context(), first.Package)
	require.ErrorIs(t, err, fault.NotFound)
	s.push(t, "example", ova(t, "Example Wall", "Better Wall"))
	pkg, err := s.Descriptor(t.Context(), first.Package)
	require.NoError(t, err)
	require.Equal(t, "Better Wall", pkg.Product().Name)
}

func TestADraftGoesBackOrAwayWithItsPackage(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.push(t, "example", ova(t))
	_, service := s.push(t, "example", ova(t, version("2.0")...))
	require.NoError(t, s.Remove(t.Context(), service.Package))
	service, err := s.Service(t.Context(), service.ID)
	require.NoError(t, err)
	require.Equal(t, catalog.PackageID("example/example@1.0"), service.Package)
	require.NoError(t, s.Remove(t.Context(), service.Package))
	s.requireEmpty(t)
}

func euros(amount string) catalog.Price {
	return catalog.Price{Dimension: "instance", Unit: "hour", Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}

func TestPricesAreAppendedAndNeverAltered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		service := s.publish(t, "example", ova(t))
		small := service.Plans[0].ID
		start := time.Now().UTC()
		time.Sleep(time.Hour)
		set := func(amount string, change func(*catalog.Price)) error {
			p := euros(amount)
			if change != nil {
				change(&p)
			}
			return second(s.SetPrice(t.Context(), service.ID, small, p))
		}
		require.NoError(t, set("0.15", nil))
		require.NoError(t, set("0.20", func(p *catalog.Price) { p.From = start.Add(10 * time.Hour) }))
		for name, err := range map[string]error{
			"in the past":            set("1", func(p *catalog.Price) { p.From = start }),
			"before the announced":   set("1", nil),
			"another currency":       set("1", func(p *catalog.Price) { p.Currency, p.From = "USD", start.Add(20*time.Hour) }),
			"no currency":            set("1", func(p *catalog.Price) { p.Currency = "euro" }),
			"negative":               set("-1", nil),
			"too precise":            set("0.0000000001", nil),
			"absurd":                 set("1e13", nil),
			"absurd and very long":   set("1e9999", nil),
			"absurd and very small":  set("1e-9999", nil),
			"a unit not of time":     set("1", func(p *catalog.Price) { p.Unit = "mile" }),
			"for one tenant":         set("1", func(p *catalog.Price) { p.Tenant = "acme" }),
			"only metered":           set("1", func(p *catalog.Price) { p.Dimension = "vcpu" }),
			"announced as the first": set("1", func(p *catalog.Price) { p.Dimension, p.From = "requests", start.Add(20*time.Hour) }),
			"of two currencies":      set("1", func(p *catalog.Price) { p.Dimension, p.Currency = "requests", "USD" }),
		} {
			require.ErrorIs(t, err, fault.Invalid, name)
		}
		requests := func(p *catalog.Price) { p.Dimension, p.Unit = "requests", "request" }
		require.NoError(t, set("0.001", requests), "what appliances report has a history of its own")
		require.NoError(t, set("0.002", func(p *catalog.Price) { requests(p); p.From = start.Add(5 * time.Hour) }))
		prices, err := s.Prices(t.Context(), service.ID, small)
		require.NoError(t, err)
		require.Len(t, prices, 5)
		for _, c := range []struct {
			at   time.Duration
			want string
		}{
			{-time.Hour, "0.12"}, {time.Hour - 1, "0.12"}, {time.Hour, "0.15"}, {10*time.Hour - 1, "0.15"}, {10 * time.Hour, "0.2"}, {1000 * time.Hour, "0.2"},
		} {
			p, ok := catalog.PriceAt(prices, "instance", start.Add(c.at))
			require.True(t, ok)
			require.Equal(t, c.want, p.Amount.String(), "after %s", c.at)
		}
		_, ok := catalog.PriceAt(prices, "traffic", start)
		require.False(t, ok)
		_, ok = catalog.PriceAt(nil, "instance", start)
		require.False(t, ok)
	})
}

func TestSchemasAcceptWhatCanBeProvided(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, service := s.push(t, "example", ova(t))
	for _, c := range []struct {
		name, parameters string
		ok               bool
	}{
		{"the least", `{"licence":"abcd"}`, true},
		{"everything", `{"licence":"abcd","ports":"80","secret":"12345678","address":"10.0.0.1","networks":["lan"],"nearest":"hosts"}`, true},
		{"the licence is required: nobody can make it up", `{}`, false},
		{"a short licence", `{"licence":"abc"}`, false},
		{"a short password", `{"licence":"abcd","secret":"1234"}`, false},
		{"a property of the vendor's own", `{"licence":"abcd","build":"mine"}`, false},
		{"one pair of legs, one network", `{"licence":"abcd","networks":["lan","dmz"]}`, false},
		{"no network", `{"licence":"abcd","networks":[]}`, false},
		{"a nameless network", `{"licence":"abcd","networks":[""]}`, false},
		{"an end there is not", `{"licence":"abcd","nearest":"moon"}`, false},
		{"a place between two", `{"licence":"abcd","before":"fw","after":"wo"}`, true},
		{"before nothing", `{"licence":"abcd","before":""}`, false},
		{"a binding's key", `{"licence":"abcd","network":"lan"}`, false},
	} {
		require.Equal(t, c.ok, valid(t, service.Plans[0].Schema, c.parameters), c.name)
	}
	for parameters, ok := range map[string]bool{
		`{}`: true, `{"network":"dmz"}`: true, `{"network":"dmz","nearest":"gateway"}`: true, `{"network":"dmz","before":"fw"}`: true, `{"network":"dmz","after":["fw"]}`: false, `{"network":""}`: false, `{"networks":["dmz"]}`: false, `{"nearest":1}`: false,
	} {
		require.Equal(t, ok, valid(t, catalog.BindSchema(catalog.Insertion{}), parameters), parameters)
	}
}

func TestAsManyNetworksAsThereArePairs(t *testing.T) {
	t.Parallel()
	item := func(id, network string) string {
		return `<Item><rasd:Connection>` + network + `</rasd:Connection><rasd:ElementName>eth` + id + `</rasd:ElementName><rasd:InstanceID>` + id + `</rasd:InstanceID><rasd:ResourceType>10</rasd:ResourceType></Item>`
	}
	for name, c := range map[string]struct {
		legs, zones string
		most        int
	}{
		"two pairs":                {`<bw:Leg instanceID="14" role="inside" pair="2"/><bw:Leg instanceID="15" role="outside" pair="2"/>`, "bridged", 2},
		"three zones, one outside": {`<bw:Leg instanceID="14" role="inside" pair="2"/><bw:Leg instanceID="15" role="inside" pair="3"/>`, "isolated", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			service := s.publish(t, "example", ova(t, "</VirtualHardwareSection>", item("14", "inside")+item("15", "outside")+"</VirtualHardwareSection>",
				`<bw:Leg instanceID="13" role="outside" pair="1"/>`, `<bw:Leg instanceID="13" role="outside" pair="1"/>`+c.legs, `zones="bridged"`, `zones="`+c.zones+`"`))
			networks := []string{"a", "b", "c", "d"}
			for n := 1; n <= len(networks); n++ {
				list, err := json.Marshal(map[string]any{"licence": "abcd", "networks": networks[:n]})
				require.NoError(t, err)
				require.Equal(t, n <= c.most, valid(t, service.Plans[0].Schema, string(list)), "%d networks", n)
			}
		})
	}
}

func valid(t testing.TB, schema json.RawMessage, parameters string) bool {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	require.Equal(t, "http://json-schema.org/draft-04/schema#", document.(map[string]any)["$schema"])
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", document))
	compiled, err := c.Compile("schema.json")
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(parameters))
	require.NoError(t, err)
	return compiled.Validate(value) == nil
}
