package osbcheck_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/osbcheck"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestAnInterruptedRunRemovesWhatItMade(t *testing.T) {
	t.Parallel()
	url, b := start(t, variants["everything"], defect{})
	ctx, cancel := context.WithCancel(t.Context())
	o := options(url)
	tried := 0
	o.Seen = func(r osbcheck.Result) {
		if tried++; tried == 60 {
			cancel()
		}
	}
	report, err := osbcheck.Run(ctx, o)
	require.NoError(t, err)
	require.NotZero(t, report.Summary.Blocked, "the rest was not tried")
	require.False(t, report.Summary.OK())
	require.NotEmpty(t, b.instances)
	require.Empty(t, b.left())
	require.Empty(t, report.Leftover)
}

func TestWhatCannotBeRemovedIsTold(t *testing.T) {
	t.Parallel()
	url, _ := start(t, variants["synchronous"], defect{rewrite: func(q *question, a *answer) {
		if q.Method == "DELETE" {
			a.status = 500
		}
	}})
	o := options(url)
	o.Only = []string{"P1"}
	report, err := osbcheck.Run(t.Context(), o)
	require.NoError(t, err)
	require.Len(t, report.Leftover, 1)
	require.Contains(t, report.Leftover[0], "instance osb-check-")

	url, b := start(t, variants["synchronous"], defect{})
	o = options(url)
	o.Only, o.Keep = []string{"P1"}, true
	report, err = osbcheck.Run(t.Context(), o)
	require.NoError(t, err)
	require.Empty(t, report.Leftover)
	require.Len(t, b.left(), 1, "as was asked for")
}

// A report shows what was sent and what came, and no secret of either.
func TestReportsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	url, _ := start(t, variants["synchronous"], defect{rewrite: func(q *question, a *answer) {
		if q.Method == "PUT" && a.status == 201 {
			a.status = 299
		}
	}})
	o := options(url)
	o.Parameters = json.RawMessage(`{"fail":"Very-Secret-4711"}`)
	o.Only = []string{"P1", "B1", "P6"}
	report, err := osbcheck.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, osbcheck.Failed, report.Results[0].Verdict)
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(report))
	require.NoError(t, report.WriteJUnit(&text))
	require.Contains(t, text.String(), "(fail: not shown)")
	require.Contains(t, text.String(), "PUT /v2/service_instances/")
	require.NotContains(t, text.String(), "4711")
	require.NotContains(t, text.String(), password)
	require.NotContains(t, text.String(), "Authorization")
}

func TestStrictnessAndVersions(t *testing.T) {
	t.Parallel()
	url, _ := start(t, variants["asynchronous"], defect{rewrite: on("PUT instance").status(200).give(201)}) // P4, a should
	o := options(url)
	o.Only = []string{"P4", "C16"}
	verdicts := func() (list []osbcheck.Verdict) {
		report, err := osbcheck.Run(t.Context(), o)
		require.NoError(t, err)
		for _, r := range report.Results {
			list = append(list, r.Verdict)
		}
		return list
	}
	require.Equal(t, []osbcheck.Verdict{osbcheck.Passed, osbcheck.Warned}, sorted(verdicts()))
	o.Strict = true
	require.Equal(t, []osbcheck.Verdict{osbcheck.Failed, osbcheck.Passed}, sorted(verdicts()))
	o.Versions = []string{"2.13", "2.14"}
	require.Equal(t, []osbcheck.Verdict{osbcheck.Failed, osbcheck.Skipped}, sorted(verdicts()), "C16 came later")
}

func sorted(list []osbcheck.Verdict) []osbcheck.Verdict {
	if list[0] > list[1] {
		list[0], list[1] = list[1], list[0]
	}
	return list
}

func TestJUnitCountsWhatItHolds(t *testing.T) {
	t.Parallel()
	url, _ := start(t, variants["no bindings"], defect{rewrite: on("DELETE instance").status(410).give(404)})
	report, err := osbcheck.Run(t.Context(), options(url))
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, report.WriteJUnit(&b))
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
		Cases    []struct {
			Name    string    `xml:"name,attr"`
			Failure *struct{} `xml:"failure"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	}
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suite))
	require.Len(t, suite.Cases, len(osbcheck.Rows()))
	failures, skipped := 0, 0
	for _, c := range suite.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Skipped != nil {
			skipped++
		}
	}
	require.Equal(t, [3]int{suite.Tests, suite.Failures, suite.Skipped}, [3]int{len(suite.Cases), failures, skipped})
	require.Equal(t, [2]int{report.Summary.Failed, report.Summary.Skipped}, [2]int{failures, skipped})
	require.NotZero(t, failures)
}

func TestWhatCannotBeTested(t *testing.T) {
	t.Parallel()
	url, _ := start(t, variants["synchronous"], defect{})
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, row := range map[string]struct {
		change func(*osbcheck.Options)
		kind   fault.Kind
	}{
		"nobody there":     {func(o *osbcheck.Options) { o.URL = closed.URL }, fault.Unavailable},
		"wrong password":   {func(o *osbcheck.Options) { o.Password = "wrong" }, fault.Unauthorized},
		"no such row":      {func(o *osbcheck.Options) { o.Only = []string{"P99"} }, fault.Invalid},
		"no version":       {func(o *osbcheck.Options) { o.Versions = []string{"3.0"} }, fault.Invalid},
		"no such failure":  {func(o *osbcheck.Options) { o.Provoke = map[string]json.RawMessage{"x": nil} }, fault.Invalid},
		"not even a URL":   {func(o *osbcheck.Options) { o.URL = "::" }, fault.Unavailable},
		"a slow broker":    {func(o *osbcheck.Options) { o.HTTP = &http.Client{Timeout: time.Nanosecond} }, fault.Unavailable},
		"pattern and case": {func(o *osbcheck.Options) { o.Skip = []string{"c*", "p?"} }, ""},
	} {
		o := options(url)
		o.Only = []string{"C1"}
		row.change(&o)
		_, err := osbcheck.Run(t.Context(), o)
		if row.kind == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, row.kind, name)
	}
	o := options(url)
	o.Only, o.Service = []string{"C1", "P1"}, "no-such-service"
	report, err := osbcheck.Run(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, osbcheck.Summary{Passed: 1, Blocked: 1}, report.Summary)
	require.Contains(t, report.Results[1].Reason+report.Results[0].Reason, `the catalog has no service "no-such-service"`)
}
