package broker

import (
	"net/http"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// minorOf is n of version 2.n, which this broker can serve whatever n is: minor
// versions only add (spec.md, "API Version Header"). ok is false for all else.
func minorOf(version string) (n int, ok bool) {
	digits, two := strings.CutPrefix(version, "2.")
	if !two || digits == "" || len(digits) > 4 {
		return 0, false
	}
	for _, d := range []byte(digits) {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int(d-'0')
	}
	return n, true
}

// speaks says whether the platform speaks 2.minor or later.
func (c *call) speaks(minor int) bool {
	n, ok := minorOf(c.r.Header.Get(headerVersion))
	return ok && n >= minor
}

// checkVersion refuses OSB requests of platforms that speak another major version.
func (s *Server) checkVersion(who caller, r *http.Request) error {
	if !isOSB(r) {
		return nil
	}
	given := r.Header.Get(headerVersion)
	_, ok := minorOf(given)
	switch {
	case ok:
		return nil
	case given == "" && who.rules.missingVersion(s.MissingVersion) == http.StatusBadRequest:
		return fault.New(fault.Invalid, "the header %s is missing; this broker speaks version %s", api.HeaderVersion, api.Version)
	case given == "":
		return wrongVersion("the header " + api.HeaderVersion + " is missing")
	}
	return wrongVersion("the version in the header " + api.HeaderVersion + " is not one of 2.x")
}

func wrongVersion(sentence string) error {
	return &refusal{http.StatusPreconditionFailed, api.OSBError{Description: sentence + "; this broker speaks version " + api.Version}}
}
