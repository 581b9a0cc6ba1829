package broker_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
)

// FuzzOSB sends anything to every OSB route: it must be answered with a status of
// the standard and an object, and never with a fault of ours.
func FuzzOSB(f *testing.F) {
	w := newWorld(f)
	handler := w.server.Config.Handler
	seed := func(method, path, query, body string) { f.Add(method, path, query, body, "2.17", "application/json") }
	order := `{"service_id":"` + string(w.service.ID) + `","plan_id":"` + w.plan("small") + `","organization_guid":"org-1","space_guid":"s","context":{},"parameters":{"networks":["lan"]}}`
	seed("PUT", "/v2/service_instances/one", "accepts_incomplete=true", order)
	seed("PATCH", "/v2/service_instances/one", "", `{"service_id":"`+string(w.service.ID)+`","parameters":{"a":1}}`)
	seed("PUT", "/v2/service_instances/one/service_bindings/b", "accepts_incomplete=true", order)
	seed("DELETE", "/v2/service_instances/one", w.removal()[1:], "")
	seed("GET", "/v2/service_instances/%2F%00/last_operation", "operation=%zz", "")
	seed("PUT", "/v2/service_instances/one", "", `{"service_id":null,"context":[],"parameters":{"a":{"b":[1e400]}}}`)
	f.Fuzz(func(t *testing.T, method, path, query, body, version, media string) {
		u, err := url.ParseRequestURI("/v2/" + strings.TrimPrefix(path, "/v2/"))
		if err != nil || !fit(method) {
			t.Skip("no server would be given this")
		}
		u.RawQuery = query
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.SetBasicAuth(platformName, password)
		r.Header.Set(api.HeaderVersion, version)
		r.Header.Set("Content-Type", media)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		require.Less(t, answer.Code, 500, "%s %s: %s", method, path, answer.Body)
		require.True(t, answer.Body.Len() == 0 || strings.HasPrefix(answer.Body.String(), "{"), answer.Body)
		if answer.Code >= 400 {
			require.Contains(t, answer.Body.String(), `"description"`, "a refusal says why")
		}
	})
}

func fit(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' })
}
