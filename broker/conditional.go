package broker

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// representation is a body that is served again and again: as it is and
// compressed, with validators (RFC 9110, 8.8).
type representation struct {
	tag      string    // of the ETag, without quotes; a compressed body has its own
	modified time.Time // zero: not known, so not told
	plain    []byte
	zipped   []byte
}

// choose gives the answer to a conditional request: what the client has already
// (304), else the body in the coding that it likes best.
func (p representation) choose(c *call) content {
	h, zip := c.w.Header(), prefersGzip(c.r.Header.Values("Accept-Encoding"))
	h.Set("ETag", p.etag(zip))
	h.Set("Cache-Control", "no-cache") // may be kept, must be asked about
	h.Set("Vary", "Accept-Encoding, Authorization")
	if p.datable() {
		h.Set("Last-Modified", p.modified.UTC().Format(http.TimeFormat))
	}
	if p.unchanged(c.r.Header) {
		c.status = http.StatusNotModified
		return content{}
	}
	if zip {
		h.Set("Content-Encoding", "gzip")
		return content{"application/json", p.zipped}
	}
	return content{"application/json", p.plain}
}

func (p representation) etag(zip bool) string {
	if zip {
		return `"` + p.tag + `-gzip"`
	}
	return `"` + p.tag + `"`
}

// datable: a date has whole seconds, so one that has not passed yet could stand for
// two bodies.
func (p representation) datable() bool {
	return !p.modified.IsZero() && time.Since(p.modified.Truncate(time.Second)) >= time.Second
}

// unchanged evaluates the preconditions: If-Modified-Since counts only where there
// is no If-None-Match (RFC 9110, 13.2.2).
func (p representation) unchanged(h http.Header) bool {
	if tags := h.Values("If-None-Match"); len(tags) > 0 {
		return p.named(strings.Join(tags, ","))
	}
	since, err := http.ParseTime(h.Get("If-Modified-Since"))
	return err == nil && p.datable() && !p.modified.Truncate(time.Second).After(since)
}

// named is the weak comparison of If-None-Match (RFC 9110, 13.1.2). A tag of either
// coding names what the client would get.
func (p representation) named(list string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == p.etag(false) || tag == p.etag(true) {
			return true
		}
	}
	return false
}

// prefersGzip reads Accept-Encoding (RFC 9110, 12.5.3): the client must allow gzip
// and not like an uncompressed body better.
func prefersGzip(headers []string) bool {
	weights := map[string]float64{}
	for coding := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, parameter, _ := strings.Cut(coding, ";")
		weights[strings.ToLower(strings.TrimSpace(name))] = weight(parameter)
	}
	gzip, named := weights["gzip"]
	if !named {
		gzip = weights["*"]
	}
	return gzip > 0 && gzip >= weights["identity"]
}

// weight is a quality value, 0 to 1; 1 when there is none, 0 when it makes no sense.
func weight(parameter string) float64 {
	key, value, there := strings.Cut(strings.TrimSpace(parameter), "=")
	if !there {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(key), "q") || q < 0 || q > 1 {
		return 0
	}
	return q
}
