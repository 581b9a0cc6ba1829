package broker

import (
	"net/http"
	"regexp"
	"strconv"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// version2 is every version that this broker can serve: minor versions only add
// (spec.md, "API Version Header").
var version2 = regexp.MustCompile(`^2\.([0-9]{1,4})$`)

// speaks says whether the platform speaks 2.minor or later.
func (c *call) speaks(minor int) bool {
	parts := version2.FindStringSubmatch(c.r.Header.Get(api.HeaderVersion))
	if parts == nil {
		return false
	}
	n, err := strconv.Atoi(parts[1])
	return err == nil && n >= minor
}

// checkVersion refuses OSB requests of platforms that speak another major version.
func (s *Server) checkVersion(who caller, r *http.Request) error {
	if !isOSB(r) {
		return nil
	}
	given := r.Header.Get(api.HeaderVersion)
	switch {
	case given == "" && who.rules.missingVersion(s.MissingVersion) == http.StatusBadRequest:
		return fault.New(fault.Invalid, "the header %s is missing; this broker speaks version %s", api.HeaderVersion, api.Version)
	case given == "":
		return wrongVersion("the header " + api.HeaderVersion + " is missing")
	case !version2.MatchString(given):
		return wrongVersion("the version in the header " + api.HeaderVersion + " is not one of 2.x")
	}
	return nil
}

func wrongVersion(sentence string) error {
	return &refusal{http.StatusPreconditionFailed, api.OSBError{Description: sentence + "; this broker speaks version " + api.Version}}
}
