package osbcheck

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

// headerRows are spec.md "API Overview" to "Authentication".
func headerRows() []Row {
	return []Row{
		{"R-VER-1", "a missing version header is answered with 400 or 412 and a message", "API Version Header", 13, May, nil, missingVersion},
		{"R-VER-2", "an unsupported version is answered with 412 and a message", "API Version Header", 13, May, nil, unsupportedVersion},
		{"R-VER-3", "every 2.x version is served: minor versions only add", "API Version Header", 13, Must, nil, everyVersion},
		{"R-AUTH-1", "no credentials: 401, on every route", "Authentication", 13, Must, needs(credentialed), noCredentials},
		{"R-AUTH-2", "a wrong user: 401, on every route", "Authentication", 13, Must, needs(credentialed), wrongUser},
		{"R-AUTH-3", "a wrong password: 401, on every route", "Authentication", 13, Must, needs(credentialed), wrongPassword},
		{"R-OID", "an originating identity is never required, and a malformed one is no failure", "Originating Identity", 13, Must, nil, identities},
		{"R-RID", "the request identity comes back, also with an error", "Request Identity", 15, Should, nil, requestIdentity},
		{"R-CT-1", "another content type than JSON is 400; none at all is JSON", "Content Type", 13, Should, needs(offered), contentType},
		{"R-CT-2", "answers are application/json", "Content Type", 13, Should, needs(offered), answeredType},
		{"R-RETRY", "Retry-After, where there is one, is a number of seconds or a date", "Polling Interval and Duration", 15, Must, needs(asynchronous), retryAfter},
		{"R-ETAG-1", "a catalog asked for with its own ETag is 304 without a body", "Catalog Management", 16, Must, nil, conditionalETag},
		{"R-ETAG-2", "a catalog not modified since is 304 without a body", "Catalog Management", 16, Must, nil, conditionalDate},
		{"R-URL", "ids may hold anything that can be percent-encoded", "URL Properties", 13, Must, needs(offered), anyID},
	}
}

// routes are one request for every route.
func routes(t *trial) []request {
	i := "/v2/service_instances/osb-check-none"
	b := i + "/service_bindings/osb-check-none"
	body := object{"service_id": "none", "plan_id": "none", "organization_guid": "none", "space_guid": "none"}
	q := (&instance{t: t, order: body}).hints()
	return []request{
		{method: "GET", path: "/v2/catalog"},
		{method: "PUT", path: i, body: body}, {method: "PATCH", path: i, body: body},
		{method: "GET", path: i}, {method: "GET", path: i + "/last_operation"}, {method: "DELETE", path: i, query: q},
		{method: "PUT", path: b, body: body},
		{method: "GET", path: b}, {method: "GET", path: b + "/last_operation"}, {method: "DELETE", path: b, query: q},
	}
}

func catalogWith(name, value string) request {
	return request{method: "GET", path: "/v2/catalog", header: http.Header{http.CanonicalHeaderKey(name): {value}}}
}

func missingVersion(t *trial) {
	for _, r := range routes(t) {
		r.header = http.Header{http.CanonicalHeaderKey(api.HeaderVersion): {""}}
		a := t.send(r)
		if a.Status/100 == 5 {
			t.miss(Must, a, "status 400 or 412")
		} else if t.expect(a, 400, 412) {
			t.that(a.text("description") != "", a, "a description")
		}
	}
}

func unsupportedVersion(t *trial) {
	for _, version := range []string{"1.0", "99.0"} {
		r := t.send(catalogWith(api.HeaderVersion, version))
		if t.expect(r, 412) {
			t.that(r.text("description") != "", r, "a description that names the version wanted")
		}
	}
}

func everyVersion(t *trial) {
	for _, version := range t.c.o.Versions {
		t.expect(t.send(catalogWith(api.HeaderVersion, version)), 200)
	}
}

func noCredentials(t *trial) {
	for _, r := range routes(t) {
		r.open = true
		t.expect(t.send(r), 401)
	}
}

func wrongUser(t *trial) {
	t.unauthorized(func(r *http.Request) {
		if t.c.o.Token != "" {
			r.Header.Set("Authorization", "Bearer nobody-has-this-token")
			return
		}
		r.SetBasicAuth("nobody-has-this-name", t.c.o.Password)
	})
}

func wrongPassword(t *trial) {
	if t.c.o.Token != "" {
		t.skip("there is no password beside a token")
	}
	t.unauthorized(func(r *http.Request) { r.SetBasicAuth(t.c.o.Username, t.c.o.Password+"-wrong") })
}

func (t *trial) unauthorized(credentials func(*http.Request)) {
	like := &http.Request{Header: http.Header{}}
	credentials(like)
	for _, r := range routes(t) {
		r.header = like.Header
		t.expect(t.send(r), 401)
	}
}

func identities(t *trial) {
	for _, value := range []string{"", t.c.identity, originating("kubernetes", `{"username":"a","uid":"b","groups":["c"],"extra":{}}`),
		"garbage", t.c.o.Platform + " !!!", originating(t.c.o.Platform, "[]"), originating("x", strings.Repeat("y", 2000))} {
		t.expect(t.send(catalogWith(api.HeaderOriginatingIdentity, value)), 200)
	}
}

func requestIdentity(t *trial) {
	for n, r := range routes(t) {
		id := "osb-check-" + strconv.Itoa(n)
		r.header = http.Header{http.CanonicalHeaderKey(api.HeaderRequestIdentity): {id}}
		a := t.send(r)
		t.that(a.header.Get(api.HeaderRequestIdentity) == id, a, "%s: %s in the answer", api.HeaderRequestIdentity, id)
	}
}

func contentType(t *trial) {
	i := t.fresh()
	for _, media := range []string{"text/plain", "application/xml", "application/x-www-form-urlencoded"} {
		t.expect(i.putAs(media), 400)
	}
	r := i.putAs("")
	t.better(r.Status/100 == 2 || r.text("error") == api.AsyncRequired, r, "the body taken for JSON")
}

func (i *instance) putAs(media string) reply {
	return i.t.send(request{method: "PUT", path: i.path(), query: async.in(nil), body: i.order, header: http.Header{"Content-Type": {media}}})
}

func answeredType(t *trial) {
	i := t.fresh()
	for _, r := range []reply{t.send(catalogWith("Accept", "application/json")), i.delete(async), i.poll(""), i.put(async, object{}), i.put(async)} {
		if len(r.raw) > 0 {
			media, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
			t.that(media == "application/json", r, "Content-Type: application/json, not %q", r.header.Get("Content-Type"))
		}
	}
}

var seconds = regexp.MustCompile(`^[0-9]+$`)

func retryAfter(t *trial) {
	i, first := t.running()
	r := i.poll(first.text("operation"))
	v := r.header.Get("Retry-After")
	if v == "" {
		t.skip("no Retry-After was sent")
	}
	_, err := http.ParseTime(v)
	t.that(err == nil || seconds.MatchString(v), r, "Retry-After as seconds or as a date, not %q", v)
	t.better(err != nil, r, "Retry-After as seconds: a duration needs no common clock")
}

func conditionalETag(t *trial) {
	first := t.send(catalogWith("Accept", "application/json"))
	tag := first.header.Get("ETag")
	if tag == "" {
		t.skip("the catalog has no ETag")
	}
	for _, given := range []string{tag, `"another", ` + tag, "*", "W/" + strings.TrimPrefix(tag, "W/")} {
		t.notModified(t.send(catalogWith("If-None-Match", given)))
	}
	t.expect(t.send(catalogWith("If-None-Match", `"another"`)), 200)
}

func conditionalDate(t *trial) {
	first := t.send(catalogWith("Accept", "application/json"))
	modified, err := http.ParseTime(first.header.Get("Last-Modified"))
	if err != nil {
		t.skip("the catalog has no Last-Modified")
	}
	t.notModified(t.send(catalogWith("If-Modified-Since", first.header.Get("Last-Modified"))))
	before := modified.Add(-24 * time.Hour).UTC().Format(http.TimeFormat)
	t.expect(t.send(catalogWith("If-Modified-Since", before)), 200)
}

func (t *trial) notModified(r reply) {
	if t.expect(r, 304) {
		t.that(len(r.raw) == 0, r, "no body")
	}
}

// anyID: an unknown id is 410 on DELETE however it is spelled, and never anything
// that a router makes of it; one of them is tried for good.
func anyID(t *trial) {
	for _, id := range []string{"a/b", "a b", "über€", "..", ".", "a%2Fb", "a+b", "a?b#c", "a;b", "a&b=c", "osb-check/last_operation", strings.Repeat("x", 200)} {
		i := &instance{t: t, id: "osb-check-" + id, order: t.order("none")}
		if strings.Trim(id, ".") == "" {
			i.id = id
		}
		t.expect(i.delete(async), 410)
		t.expect(i.poll(""), 404)
	}
	i := t.fresh()
	i.id = "osb-check /ü%2F" + i.id
	if err := i.make(); err != nil {
		t.that(false, reply{}, "an instance with the id %q: %s", i.id, err)
	}
}
