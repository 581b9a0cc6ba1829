package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatchesAreReadAsTheyAreShown(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"everything":                       `{}`,
		"tcp 80,443 outbound":              `{"direction":"outbound","protocols":["tcp"],"ports":[80,443]}`,
		"outbound tcp, udp port 53":        `{"direction":"outbound","protocols":["tcp","udp"],"ports":[53]}`,
		"inbound 8000-8010":                `{"direction":"inbound","ports":["8000-8010"]}`,
		"udp of 10.0.0.5, fd00::/64":       `{"protocols":["udp"],"local":["10.0.0.5","fd00::/64"]}`,
		"with 203.0.113.0/24 marked 46,0":  `{"remote":["203.0.113.0/24"],"dscp":[46,0]}`,
		` {"ports":[80],"protocols":null}`: `{"ports":[80],"protocols":null}`,
		"toucan":                           `{"protocols":["toucan"]}`, // which the broker refuses
	} {
		got, err := readMatch(words)
		require.NoError(t, err, words)
		text, err := json.Marshal(got)
		require.NoError(t, err)
		require.JSONEq(t, want, string(text), words)
	}
	for words, says := range map[string]string{
		"inbound outbound": "--match: say outbound or inbound, or neither for both",
		`{"ports":`:        "--match is not valid JSON",
		`{} {}`:            "--match is not valid JSON",
	} {
		_, err := readMatch(words)
		require.EqualError(t, err, says)
	}
}
