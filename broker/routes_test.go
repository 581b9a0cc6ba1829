package broker_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every route is reached: none is hidden behind one with a variable in its place.
func TestNoRouteHidesAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	resp, err := http.Get(w.server.URL + "/v1/openapi.json")
	require.NoError(t, err)
	defer resp.Body.Close()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&doc))
	require.Greater(t, len(doc.Paths), 30)
	for path, methods := range doc.Paths {
		for method := range methods {
			url := w.server.URL + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x")
			req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), url, http.NoBody)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.NotEqual(t, http.StatusMethodNotAllowed, answer.StatusCode, "%s %s", method, path)
		}
	}
}
