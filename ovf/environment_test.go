package ovf_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

// guestEnvironment is the document as a guest's parser sees it.
type guestEnvironment struct {
	XMLName  xml.Name `xml:"http://schemas.dmtf.org/ovf/environment/1 Environment"`
	ID       string   `xml:"http://schemas.dmtf.org/ovf/environment/1 id,attr"`
	Platform struct {
		Kind, Version, Vendor, Locale, Timezone string
	} `xml:"PlatformSection"`
	Properties []guestProperty `xml:"PropertySection>Property"`
	Entities   []struct {
		ID         string          `xml:"http://schemas.dmtf.org/ovf/environment/1 id,attr"`
		Properties []guestProperty `xml:"PropertySection>Property"`
	} `xml:"Entity"`
}

type guestProperty struct {
	Key   string `xml:"http://schemas.dmtf.org/ovf/environment/1 key,attr"`
	Value string `xml:"http://schemas.dmtf.org/ovf/environment/1 value,attr"`
}

func parse(t require.TestingT, env ovf.Environment) guestEnvironment {
	data, err := env.XML()
	require.NoError(t, err)
	var guest guestEnvironment
	require.NoError(t, xml.Unmarshal(data, &guest), string(data))
	return guest
}

func TestTheEnvironmentHoldsEveryPropertyOfThePlan(t *testing.T) {
	t.Parallel()
	pkg := read(t, "firewall.ovf")
	env, err := pkg.Environment("small", "", map[string]string{
		"com.example.firewall.password": `pass"<&>'`, "com.example.firewall.connections": "12", "com.example.firewall.address": "192.0.2.9",
	})
	require.NoError(t, err)
	zone := 60
	env.Platform = ovf.Platform{Kind: "KVM", Version: "1", Vendor: "A & B", Locale: "en", Timezone: &zone}
	guest := parse(t, env)
	require.Equal(t, "firewall", guest.ID)
	require.Equal(t, "A & B", guest.Platform.Vendor)
	require.Equal(t, "60", guest.Platform.Timezone)
	values := map[string]string{}
	for _, p := range guest.Properties {
		values[strings.TrimPrefix(p.Key, "com.example.firewall.")] = p.Value
	}
	require.Equal(t, map[string]string{
		"block-tcp-ports": "23", "mode": "lax", "mtu": "1500", "connections": "12", "password": `pass"<&>'`,
		"address": "192.0.2.9", "netmask": "", "gateway": "", "log-disk": "2", "build": "b42",
	}, values)

	env.Platform.Timezone = nil
	data, err := env.XML()
	require.NoError(t, err)
	golden(t, "firewall.ovf-env.xml", data)
}

func TestNeighboursAreEntities(t *testing.T) {
	t.Parallel()
	pkg := read(t, "collection.ovf")
	env, err := pkg.Environment("", "balancer", map[string]string{"suite.domain": "example.net"})
	require.NoError(t, err)
	guest := parse(t, env)
	require.Equal(t, []guestProperty{{"balancer.port.1", "80"}, {"suite.domain", "example.net"}}, guest.Properties)
	require.Len(t, guest.Entities, 1)
	require.Equal(t, "workers", guest.Entities[0].ID)
	require.Equal(t, []guestProperty{{"suite.domain", "example.net"}}, guest.Entities[0].Properties, "exactly what the neighbour sees")

	env, err = pkg.Environment("", "worker", nil)
	require.NoError(t, err)
	require.Equal(t, []guestProperty{{"worker.threads", "4"}, {"suite.domain", "example.org"}}, parse(t, env).Properties)
}

// DSP0243 11: a property hides one of the same id further out, which can still be
// referred to (9.5).
func TestAPropertyHidesTheOneFurtherOut(t *testing.T) {
	t.Parallel()
	text := strings.Replace(string(example(t, "collection.ovf")), `<ProductSection ovf:class="worker">`, `<ProductSection ovf:class="suite"><Info>Own</Info>
		<Property ovf:key="domain" ovf:type="string" ovf:userConfigurable="true" ovf:value="inner"/>
		<Property ovf:key="above" ovf:type="string" ovf:value="${suite.domain}"/>
		<Property ovf:key="half" ovf:type="string" ovf:value="suite.domain}"/>
		<Property ovf:key="nothing" ovf:type="string" ovf:userConfigurable="true" ovf:value="${worker.threads}"/></ProductSection>
		<ProductSection ovf:class="worker">`, 1)
	pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
	if !pkg.Valid() { // one id in two contents is refused
		t.Fatal(pkg.Findings)
	}
	env, err := pkg.Environment("", "worker", map[string]string{"suite.nothing": "${suite.domain}"})
	require.NoError(t, err)
	require.Equal(t, []guestProperty{
		{"suite.domain", "inner"}, {"suite.above", "example.org"}, {"suite.half", "suite.domain}"}, {"suite.nothing", "${suite.domain}"}, {"worker.threads", "4"},
	}, parse(t, env).Properties, "what a tenant gives is never a reference")
	env, err = pkg.Environment("", "worker", nil)
	require.NoError(t, err)
	require.Equal(t, guestProperty{"suite.nothing", "${worker.threads}"}, parse(t, env).Properties[3], "only what is further out can be meant")
}

func TestValuesHaveTheCanonicalFormOfTheirType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, value, want string }{
		{"boolean", "True", "true"}, {"boolean", " FALSE ", "false"}, {"boolean", "1", "true"}, {"boolean", "0", "false"},
		{"uint8", "+007", "7"}, {"sint16", " -0 ", "0"}, {"uint64", "18446744073709551615", "18446744073709551615"},
		{"real64", " 1.50 ", "1.50"}, {"string", " True ", " True "}, {"string", "007", "007"},
	} {
		text := strings.Replace(string(example(t, "collection.ovf")), `ovf:key="domain" ovf:type="string" ovf:userConfigurable="true" ovf:value="example.org"`,
			`ovf:key="domain" ovf:type="`+c.kind+`" ovf:userConfigurable="true"`, 1)
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		env, err := pkg.Environment("", "worker", map[string]string{"suite.domain": c.value})
		require.NoError(t, err, c.value)
		require.Equal(t, guestProperty{"suite.domain", c.want}, parse(t, env).Properties[1])
	}
}

func TestWrongValuesAreRefusedWithoutBeingShown(t *testing.T) {
	t.Parallel()
	pkg := read(t, "firewall.ovf")
	for id, value := range map[string]string{
		"com.example.firewall.password": "s3cret", "com.example.firewall.mtu": "s3cret", "com.example.firewall.mode": "s3cret", "nothing": "s3cret",
	} {
		_, err := pkg.Environment("", "", map[string]string{id: value})
		require.ErrorContains(t, err, id)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := pkg.Environment("huge", "", nil)
	require.ErrorContains(t, err, "huge")
	_, err = pkg.Environment("", "other", nil)
	require.ErrorContains(t, err, "other")
}

// From the document to the CD and back nothing is lost or added.
func FuzzEnvironment(f *testing.F) {
	f.Add("vm", "a.b.1", `<&>"'`, "neighbour", "\t\r\n")
	f.Fuzz(func(t *testing.T, id, key, value, neighbour, other string) {
		env := ovf.Environment{ID: id, Properties: []ovf.EnvironmentProperty{{Key: key, Value: value}},
			Entities: []ovf.Entity{{ID: neighbour, Properties: []ovf.EnvironmentProperty{{Key: key, Value: other}}}}}
		doc, err := env.XML()
		if err != nil {
			return
		}
		var cd bytes.Buffer
		require.NoError(t, ovf.WriteISO(&cd, "OVF ENV", noon, []ovf.ISOFile{{Name: ovf.EnvironmentFile, Data: doc}}))
		var guest guestEnvironment
		require.NoError(t, xml.Unmarshal(readISO(t, cd.Bytes(), 17)[wide(ovf.EnvironmentFile)], &guest), string(doc))
		require.Equal(t, id, guest.ID)
		require.Equal(t, []guestProperty{{key, value}}, guest.Properties)
		require.Len(t, guest.Entities, 1)
		require.Equal(t, neighbour, guest.Entities[0].ID)
		require.Equal(t, []guestProperty{{key, other}}, guest.Entities[0].Properties)
	})
}

// Whatever a value holds, the guest reads exactly that, and nothing of it
// becomes markup.
func TestValuesSurviveAndNeverBecomeMarkup(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		env := ovf.Environment{ID: "a", Properties: []ovf.EnvironmentProperty{{Key: "k", Value: value}}}
		if _, err := env.XML(); err != nil {
			require.Regexp(t, `[\x00-\x08\x0b\x0c\x0e-\x1f\x{FFFE}\x{FFFF}]`, value)
			require.NotContains(t, err.Error(), "value "+value)
			return
		}
		require.Equal(t, []guestProperty{{"k", value}}, parse(t, env).Properties)
	})
	// A conforming parser turns a bare line end in an attribute into a space.
	data, err := ovf.Environment{Properties: []ovf.EnvironmentProperty{{Key: "k", Value: "a\nb\tc\r"}}}.XML()
	require.NoError(t, err)
	require.Contains(t, string(data), `"a&#xA;b&#x9;c&#xD;"`)
}
