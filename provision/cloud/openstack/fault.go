package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// said turns what OpenStack answered into an error of a kind with a sentence; what
// is what was tried, for instance "make network seg". An error that has a kind
// already keeps it.
func said(what string, err error) error {
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("cannot %s: %w", what, err)
	}
	var renewed *gophercloud.ErrErrorAfterReauthentication
	if errors.As(err, &renewed) { // it unwraps to a pointer, which ResponseCodeIs does not know
		var answer *gophercloud.ErrUnexpectedResponseCode
		if errors.As(renewed.ErrOriginal, &answer) {
			err = *answer
		}
	}
	var lost *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &lost) {
		return lostAccount(what, lost)
	}
	answer, ok := unexpected(err)
	if !ok {
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the cloud does not answer", Err: err}
	}
	return &fault.Error{Kind: kindOf(answer), Message: fmt.Sprintf("cannot %s: %s", what, sentence(answer)), Err: err, After: after(answer)}
}

// lostAccount is why an account whose token has expired has got no other.
func lostAccount(what string, err *gophercloud.ErrUnableToReauthenticate) error {
	if again := said("sign in again", err.ErrReauth); fault.Passing(again) {
		return &fault.Error{Kind: fault.KindOf(again), Message: "cannot " + what + ": the token has expired, and the cloud's identity service gives no other at the moment", Err: err, After: fault.After(again)}
	}
	return &fault.Error{Kind: fault.Unauthorized, Message: "cannot " + what + ": the cloud does not let the broker's account sign in again", Err: err}
}

// quota is how Neutron, Nova and Cinder say that a quota is used up.
var quota = regexp.MustCompile(`(?i)quota|OverQuota|LimitExceeded`)

// kindOf is the kind of an answer. Neutron says 409 for a quota, Nova and Cinder 403
// and 413, and all of them say 413 or 429 when they were asked too often.
func kindOf(a gophercloud.ErrUnexpectedResponseCode) fault.Kind {
	refused := a.Actual == http.StatusConflict || a.Actual == http.StatusForbidden || a.Actual == http.StatusRequestEntityTooLarge
	if refused && quota.Match(a.Body) {
		return fault.Full
	}
	if a.Actual == http.StatusNotFound && shutOut.Match(a.Body) {
		return fault.Unauthorized
	}
	switch a.Actual {
	case http.StatusBadRequest:
		return fault.Invalid
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return fault.TooMany
	}
	if a.Actual >= 500 {
		return fault.Unavailable
	}
	return fault.Internal
}

// sentence is for people who do not operate the cloud. What a service says of its
// own failure is for the log.
func sentence(a gophercloud.ErrUnexpectedResponseCode) string {
	text := message(a.Body)
	switch kindOf(a) {
	case fault.Unauthorized:
		return "the cloud does not know the broker's account"
	case fault.Forbidden:
		return "the broker's account may not do this"
	case fault.TooMany:
		return "the cloud is asked too often"
	case fault.Unavailable:
		return fmt.Sprintf("the cloud failed (status %d)", a.Actual)
	case fault.Full:
		return strings.TrimSpace("the quota of the broker's project is used up. " + text)
	case fault.NotFound:
		return "it is not there"
	}
	if text == "" {
		return fmt.Sprintf("the cloud refused it (status %d)", a.Actual)
	}
	return "the cloud refused it: " + text
}

// longest is how much of a service's words goes into a sentence.
const longest = 300

// message is the text in an error's body: {"NeutronError": {"message": …}},
// {"badRequest": {"message": …}}, {"error": {"message": …}}.
func message(body []byte) string {
	var kinds map[string]json.RawMessage
	if json.Unmarshal(body, &kinds) != nil {
		return ""
	}
	for _, raw := range kinds {
		var inner struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(raw, &inner) == nil && inner.Message != "" {
			return clean(inner.Message)
		}
	}
	return ""
}

func clean(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}

// after is how long the cloud asks to wait (RFC 9110, section 10.2.3).
func after(a gophercloud.ErrUnexpectedResponseCode) time.Duration {
	value := a.ResponseHeader.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds <= 24*3600 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
