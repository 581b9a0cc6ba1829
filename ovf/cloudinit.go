package ovf

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// The properties that cloud-init's OVF data source looks for, by their whole id.
// Hostname and password are others' words too and say nothing by themselves.
const (
	ciUserData      = "user-data"      // base64, or as it is
	ciNetworkConfig = "network-config" // base64 of YAML
	ciInstanceID    = "instance-id"
	ciPublicKeys    = "public-keys" // one per line
	ciSeedFrom      = "seedfrom"    // an address that the guest asks; nobody else does
	ciHostname      = "hostname"
	ciLocalHostname = "local-hostname"
	ciPassword      = "password" // of the default user
)

func (c *Content) asksForCloudInit() bool {
	telling := []string{ciUserData, ciNetworkConfig, ciInstanceID, ciPublicKeys, ciSeedFrom}
	return slices.ContainsFunc(c.Properties(), func(p Property) bool { return slices.Contains(telling, p.ID) })
}

// identified has the instance's name in an instance-id that is empty.
func (e Environment) identified(instance string) Environment {
	e.Properties = slices.Clone(e.Properties)
	for n, p := range e.Properties {
		if p.Key == ciInstanceID && p.Value == "" {
			e.Properties[n].Value = instance
		}
	}
	return e
}

// cloudInit are the files of NoCloud's volume with what the OVF data source makes
// of the same properties: user-data and meta-data, both always; network-config;
// and the password as vendor-data, which leaves user-data as it was given.
func (e Environment) cloudInit(instance string) []ISOFile {
	values := map[string]string{}
	for _, p := range e.Properties {
		values[p.Key] = p.Value
	}
	if values[ciInstanceID] == "" { // there is no such property
		values[ciInstanceID] = instance
	}
	files := []ISOFile{
		{Name: "meta-data", Data: metaData(values)},
		{Name: "user-data", Data: fromBase64(values[ciUserData])},
	}
	if config := values[ciNetworkConfig]; config != "" {
		files = append(files, ISOFile{Name: "network-config", Data: fromBase64(config)})
	}
	if password := values[ciPassword]; password != "" {
		files = append(files, ISOFile{Name: "vendor-data", Data: []byte("#cloud-config\npassword: " + scalar(password) + "\n")})
	}
	return files
}

func metaData(values map[string]string) []byte {
	var b bytes.Buffer
	line := func(key, value string) {
		if value != "" {
			b.WriteString(key + ": " + scalar(value) + "\n")
		}
	}
	line("instance-id", values[ciInstanceID])
	hostname := values[ciLocalHostname]
	if hostname == "" {
		hostname = values[ciHostname]
	}
	line("local-hostname", hostname)
	line("seedfrom", values[ciSeedFrom])
	var keys []string
	for key := range strings.Lines(values[ciPublicKeys]) {
		if key = strings.TrimSpace(key); key != "" {
			keys = append(keys, "  - "+scalar(key)+"\n")
		}
	}
	if len(keys) > 0 {
		b.WriteString("public-keys:\n" + strings.Join(keys, ""))
	}
	return b.Bytes()
}

// scalar is text as a double-quoted scalar of YAML 1.1, ASCII throughout: the
// escapes of Go are among those of YAML.
func scalar(text string) string { return strconv.QuoteToASCII(text) }

// fromBase64 decodes what is base64, white space aside, and leaves the rest.
func fromBase64(text string) []byte {
	packed := strings.Join(strings.Fields(text), "")
	if data, err := base64.StdEncoding.DecodeString(packed); err == nil && packed != "" {
		return data
	}
	return []byte(text)
}
