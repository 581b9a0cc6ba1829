package broker

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPrefersGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "br, gzip;q=0.8": true, "gzip;q=0": false, "gzip; q=0.0": false,
		"*": true, "*;q=0.5": true, "*;q=0": false, "*, gzip;q=0": false, "identity": false, "deflate": false,
		"identity, gzip": true, "identity;q=1, gzip;q=0.5": false, "identity;q=0.5, gzip;q=0.5": true, "identity;q=0": false,
		"gzip;q=2": false, "gzip;q=x": false, "gzip;quality=1": false, "gzipped": false, ";;;,,,=": false,
	} {
		require.Equal(t, want, prefersGzip([]string{header}), "%q", header)
	}
	require.True(t, prefersGzip([]string{"br", "gzip"}), "two header lines are one list")
}

// ask is a conditional request for a representation.
func ask(p representation, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/v2/catalog", nil)
	for n := 0; n < len(headers); n += 2 {
		r.Header.Add(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	c := &call{r: r, w: w, status: 200}
	c.write(p.choose(c))
	return w
}

func TestPreconditions(t *testing.T) {
	t.Parallel()
	modified := time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC)
	p := representation{tag: "a", modified: modified, plain: []byte("plain"), zipped: []byte("zipped")}
	date := func(d time.Duration) string { return modified.Add(d).Format(http.TimeFormat) }
	for name, row := range map[string]struct {
		headers []string
		want    int
	}{
		"none":                          {nil, 200},
		"the tag":                       {[]string{"If-None-Match", `"a"`}, 304},
		"weak":                          {[]string{"If-None-Match", `W/"a"`}, 304},
		"of the other coding":           {[]string{"If-None-Match", `"a-gzip"`}, 304},
		"a list":                        {[]string{"If-None-Match", `"x" , W/"a"`}, 304},
		"two lines":                     {[]string{"If-None-Match", `"x"`, "If-None-Match", `"a"`}, 304},
		"any":                           {[]string{"If-None-Match", `*`}, 304},
		"another":                       {[]string{"If-None-Match", `"b"`}, 200},
		"unquoted":                      {[]string{"If-None-Match", `a`}, 200},
		"the date":                      {[]string{"If-Modified-Since", date(0)}, 304},
		"later":                         {[]string{"If-Modified-Since", date(time.Hour)}, 304},
		"earlier":                       {[]string{"If-Modified-Since", date(-time.Second)}, 200},
		"no date":                       {[]string{"If-Modified-Since", "yesterday"}, 200},
		"another tag wins":              {[]string{"If-None-Match", `"b"`, "If-Modified-Since", date(0)}, 200},
		"the tag wins":                  {[]string{"If-None-Match", `"a"`, "If-Modified-Since", date(-time.Hour)}, 304},
		"the tag of what is compressed": {[]string{"If-None-Match", `"a"`, "Accept-Encoding", "gzip"}, 304},
	} {
		w := ask(p, row.headers...)
		require.Equal(t, row.want, w.Code, name)
		require.Equal(t, row.want == 304, w.Body.Len() == 0, name)
		require.Equal(t, "Sun, 01 Mar 2026 12:00:00 GMT", w.Header().Get("Last-Modified"))
		require.Equal(t, "Accept-Encoding, Authorization", w.Header().Get("Vary"))
	}
	require.Equal(t, `"a"`, ask(p).Header().Get("ETag"))
	require.Equal(t, `"a-gzip"`, ask(p, "Accept-Encoding", "gzip").Header().Get("ETag"), "another coding is another body")
	require.Equal(t, "zipped", ask(p, "Accept-Encoding", "gzip").Body.String())
}

// A body that may still change within the second of its date has no date.
func TestNoDateForWhatMayStillChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := representation{tag: "a", modified: time.Now(), plain: []byte("plain")}
		since := p.modified.Format(http.TimeFormat)
		time.Sleep(time.Second - time.Nanosecond)
		require.Empty(t, ask(p).Header().Get("Last-Modified"))
		require.Equal(t, 200, ask(p, "If-Modified-Since", since).Code)
		time.Sleep(time.Nanosecond)
		require.Equal(t, since, ask(p).Header().Get("Last-Modified"))
		require.Equal(t, 304, ask(p, "If-Modified-Since", since).Code)
	})
}
