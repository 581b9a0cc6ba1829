package ovf_test

import (
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

	env, err = pkg.Environment("", "worker", nil)
	require.NoError(t, err)
	require.Equal(t, []guestProperty{{"worker.threads", "4"}, {"suite.domain", "example.org"}}, parse(t, env).Properties)
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
