package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOSBExchange is a platform's whole conversation, to the byte, but for what is
// made up anew each time.
func TestOSBExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var b strings.Builder
	say := func(method, path, body string) {
		r := w.send(method, path, or(body))
		fmt.Fprintf(&b, "> %s %s\n", method, path)
		if body != "" {
			fmt.Fprintf(&b, "> %s\n", body)
		}
		fmt.Fprintf(&b, "< %d", r.status)
		for _, name := range []string{"Content-Type", "Retry-After"} {
			if v := r.header.Get(name); v != "" {
				fmt.Fprintf(&b, " %s: %s", name, v)
			}
		}
		fmt.Fprintf(&b, "\n< %s\n\n", strings.TrimSpace(r.text))
	}
	ids := `"service_id":"` + string(w.service.ID) + `","plan_id":"` + w.plan("small") + `"`
	order := `{` + ids + `,"organization_guid":"org-1","space_guid":"s","context":{"platform":"cloudfoundry"},"parameters":{"networks":["lan"]}}`
	bind := `{` + ids + `,"parameters":{"network":"dmz"}}`

	say("GET", "/v2/catalog", "")
	say("PUT", one, order)
	say("PUT", one+incomplete, order)
	say("GET", one+"/last_operation", "")
	say("GET", one, "")
	w.run()
	w.settled(one, "succeeded")
	say("GET", one+"/last_operation", "")
	say("GET", one, "")
	say("PUT", one+incomplete, order)
	say("PATCH", one, `{"service_id":"`+string(w.service.ID)+`","plan_id":"`+w.plan("large")+`"}`)
	say("PATCH", one+incomplete, `{"service_id":"`+string(w.service.ID)+`","plan_id":"`+w.plan("large")+`"}`)
	w.settled(one, "succeeded")
	say("GET", one+"/last_operation", "")
	say("GET", one, "")
	say("PATCH", one, `{"service_id":"`+string(w.service.ID)+`","maintenance_info":{"version":"0.9.0"}}`)
	bind = strings.Replace(bind, w.plan("small"), w.plan("large"), 1)
	say("PUT", bound+incomplete, bind)
	w.settled(bound, "succeeded")
	say("GET", bound, "")
	say("DELETE", bound+w.removal(), "")
	w.settled(bound, "succeeded")
	say("GET", bound, "")
	say("DELETE", one+w.removal(), "")
	w.settled(one, "succeeded")
	say("GET", one+"/last_operation", "")
	say("DELETE", one+w.removal(), "")

	got := stable(b.String())
	file := filepath.Join("testdata", "osb.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func or(body string) any {
	if body == "" {
		return nil
	}
	return body
}

// stable replaces what is random, and the schemas.
func stable(text string) string {
	for pattern, name := range map[string]string{
		`"operation":"[A-Z0-9]{26}"`:   `"operation":"OPERATION"`,
		`"password":"[^"]+"`:           `"password":"PASSWORD"`,
		`"schemas":\{.+?\}\},"maximum`: `"schemas":SCHEMAS,"maximum`, // the catalog's own tests have them
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, name)
	}
	return text
}
