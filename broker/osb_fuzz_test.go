package broker_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
)

// FuzzOSB sends anything to every OSB route, as a platform and as nobody: it must
// be answered with a status of the standard and an object, and never with a fault
// of ours. Headers are lines, "Name: value".
func FuzzOSB(f *testing.F) {
	w := newWorld(f)
	handler := w.server.Config.Handler
	seed := func(method, path, query, body string, headers ...string) {
		f.Add(method, path, query, body, strings.Join(append(headers, "X-Broker-API-Version: 2.17", "Content-Type: application/json"), "\r\n"))
	}
	ids := `{"service_id":"` + string(w.service.ID) + `","plan_id":"` + w.plan("small") + `"`
	order := ids + `,"organization_guid":"org-1","space_guid":"s","context":{"platform":"kubernetes","namespace":"n"},"parameters":{"networks":["lan"]}}`
	for _, path := range []string{one, bound} {
		seed("PUT", path, "accepts_incomplete=true", order, "X-Broker-API-Originating-Identity: kubernetes eyJ1c2VybmFtZSI6ImEifQ==")
		seed("GET", path, "service_id=a&plan_id=b", "", "X-Broker-API-Request-Identity: a b")
		seed("GET", path+"/last_operation", "operation=a", "")
		seed("DELETE", path, w.removal()[1:], "", "Authorization: Basic !!!")
	}
	seed("PATCH", one, "", ids+`,"parameters":{"a":1},"previous_values":{"plan_id":"x"},"maintenance_info":{"version":"1.0.0"}}`)
	seed("PUT", bound, "", `{"predecessor_binding_id":"b","bind_resource":{"app_guid":5}}`)
	seed("GET", "/v2/service_instances/%2F%00/last_operation", "operation=%zz", "")
	seed("PUT", one, "", `{"service_id":null,"context":[],"parameters":{"a":{"b":[1e400]}}}`, "Expect: 100-continue")
	seed("GET", "/v2/catalog", "", "", `If-None-Match: W/"a", *`, "Accept-Encoding: gzip;q=0.5, *;q=0", "If-Modified-Since: yesterday")
	seed("GET", "/v2/catalog", "", "", "Authorization: Bearer bw_", "Content-Length: -1")
	f.Fuzz(func(t *testing.T, method, path, query, body, headers string) {
		u, err := url.ParseRequestURI("/v2/" + strings.TrimPrefix(path, "/v2/"))
		lines, malformed := textproto.NewReader(bufio.NewReader(strings.NewReader(headers + "\r\n\r\n"))).ReadMIMEHeader()
		if err != nil || malformed != nil || !fit(method) {
			t.Skip("no server would be given this")
		}
		u.RawQuery = query
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL, r.Header = method, u, http.Header(lines)
		if r.Header.Get("Authorization") == "" {
			r.SetBasicAuth(platformName, password)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		require.Less(t, answer.Code, 500, "%s %s: %s", method, path, answer.Body)
		zipped := answer.Header().Get("Content-Encoding") == "gzip"
		require.True(t, answer.Body.Len() == 0 || zipped || strings.HasPrefix(answer.Body.String(), "{"), answer.Body)
		if answer.Code >= 400 {
			require.Contains(t, answer.Body.String(), `"description"`, "a refusal says why")
			require.Less(t, answer.Body.Len(), 20_000)
		}
		require.Equal(t, r.Header.Get(api.HeaderRequestIdentity), answer.Header().Get(api.HeaderRequestIdentity))
	})
}

func fit(method string) bool {
	return method != "" && !strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' })
}
