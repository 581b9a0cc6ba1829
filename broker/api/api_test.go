package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

func TestEveryFaultKindSurvivesTheWire(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.Invalid, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict,
		fault.Busy, fault.AsyncRequired, fault.Quota, fault.TooLarge, fault.Full, fault.Unavailable, fault.Internal} {
		body, err := json.Marshal(api.Problem{Error: string(kind), Message: "why", Details: []string{"one"}})
		require.NoError(t, err)
		s := answering(t, fault.Status(kind), string(body))
		_, err = (&api.Client{URL: s.URL}).Services(t.Context(), "")
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.Equal(t, kind, f.Kind)
		require.Equal(t, "why", f.Message)
		require.Equal(t, []string{"one"}, f.Details)
	}
}

func TestRefusalsOfStrangersHaveAKindToo(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Kind{
		400: fault.Invalid, 401: fault.Unauthorized, 403: fault.Forbidden, 404: fault.NotFound, 409: fault.Conflict, 410: fault.Gone,
		413: fault.TooLarge, 418: fault.Invalid, 422: fault.Conflict, 429: fault.Unavailable, 500: fault.Internal, 502: fault.Unavailable, 503: fault.Unavailable,
	} {
		s := answering(t, status, "<html>some proxy</html>")
		_, err := (&api.Client{URL: s.URL}).Services(t.Context(), "")
		require.Equal(t, want, fault.KindOf(err), "%d", status)
		_, err = (&api.OSB{URL: s.URL}).Catalog(t.Context())
		require.Equal(t, want, fault.KindOf(err), "%d", status)
	}
	for code, want := range map[string]fault.Kind{api.AsyncRequired: fault.AsyncRequired, api.ConcurrencyError: fault.Busy, api.MaintenanceInfoConflict: fault.Conflict} {
		s := answering(t, 422, fmt.Sprintf(`{"error":%q,"description":"why"}`, code))
		_, err := (&api.OSB{URL: s.URL}).Catalog(t.Context())
		require.Equal(t, want, fault.KindOf(err))
		require.Equal(t, "why", fault.Message(err))
	}
}

func TestNobodyThereIsUnavailable(t *testing.T) {
	t.Parallel()
	_, err := (&api.Client{URL: "http://127.0.0.1:1", User: "u", Password: "secret"}).Services(t.Context(), "")
	require.ErrorIs(t, err, fault.Unavailable)
	require.NotContains(t, err.Error(), "secret")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = (&api.Client{URL: "http://127.0.0.1:1"}).Services(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
}

func TestAnyIdReachesTheBrokerAsItIs(t *testing.T) {
	t.Parallel()
	var seen string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = strings.TrimPrefix(r.URL.Path, "/v1/instances/")
		require.False(t, strings.Contains(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/instances/"), "/"), "one segment")
		_, _ = io.WriteString(w, "{}")
	}))
	defer s.Close()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.SampledFrom([]string{"..", ".", "a/b", "a%2Fb", "?", "#", " ", "ü"}), rapid.StringN(1, 40, -1)).Draw(t, "id")
		_, err := (&api.Client{URL: s.URL}).Instance(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, id, seen)
	})
}

func TestTokensAreReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[a-z.-]{1,20}`).Draw(t, "user")
		password := rapid.String().Draw(t, "password")
		u, p, ok := api.ParseToken(api.Token(user, password))
		require.True(t, ok)
		require.Equal(t, user, u)
		require.Equal(t, password, p)
	})
	for _, bad := range []string{"", "x", "bw_", "bw_!!", "bw_YWJj"} {
		_, _, ok := api.ParseToken(bad)
		require.False(t, ok, bad)
	}
}

func TestWaitEndsWithTheOperation(t *testing.T) {
	t.Parallel()
	states := []api.Operation{{State: api.InProgress, Description: "one"}, {State: api.InProgress, Description: "two"}, {State: api.Failed, Description: "no room"}}
	var seen []string
	err := api.Wait(t.Context(), func(context.Context) (api.Operation, error) {
		o := states[0]
		states = states[1:]
		return o, nil
	}, 1, func(o api.Operation) { seen = append(seen, o.Description) })
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "no room")
	require.Equal(t, []string{"one", "two", "no room"}, seen)
	broken := errors.New("broken")
	require.ErrorIs(t, api.Wait(t.Context(), func(context.Context) (api.Operation, error) { return api.Operation{}, broken }, 1, nil), broken)
}

// A platform provisions an instance and waits until it is there.
func ExampleOSB() {
	broker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "PUT" {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, `{"operation":"op-1"}`)
			return
		}
		_, _ = io.WriteString(w, `{"state":"succeeded"}`)
	}))
	defer broker.Close()

	platform := &api.OSB{URL: broker.URL, User: "cf", Password: "…"}
	ctx := context.Background()
	accepted, err := platform.Provision(ctx, "instance-1", api.OSBProvision{
		ServiceID: "…", PlanID: "…", OrganizationGUID: "acme", SpaceGUID: "production",
		Parameters: json.RawMessage(`{"networks":["lan"]}`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended, err := platform.Wait(ctx, "instance-1", accepted.Operation, nil)
	fmt.Println(ended.State, err)
	// Output: succeeded <nil>
}
