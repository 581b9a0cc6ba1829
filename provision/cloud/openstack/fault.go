package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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
	kind, text := meaning(answer)
	return &fault.Error{Kind: kind, Message: fmt.Sprintf("cannot %s: %s", what, text), Err: err, After: after(answer)}
}

// lostAccount is why an account whose token has expired has got no other.
func lostAccount(what string, err *gophercloud.ErrUnableToReauthenticate) error {
	if again := said("sign in again", err.ErrReauth); fault.Passing(again) {
		return &fault.Error{Kind: fault.KindOf(again), Message: "cannot " + what + ": the token has expired, and the cloud's identity service gives no other at the moment", Err: err, After: fault.After(again)}
	}
	return &fault.Error{Kind: fault.Unauthorized, Message: "cannot " + what + ": the cloud does not let the broker's account sign in again", Err: err}
}

// errNothing is what is wrong with an answer in which there is nothing.
var errNothing = errors.New("the answer has nothing in it")

// whole is what a call has answered: not nil, or an error.
func whole[T any](answer *T, err error) (*T, error) {
	if err == nil && answer == nil {
		err = errNothing
	}
	return answer, err
}

// listing is said of a list, which is there whatever is in it: one that is not found is
// a service that fails. Taken for an empty one it would be the end of what is in it.
func listing(what string, err error) error {
	answer, ok := unexpected(err)
	if ok && kindOf(answer) == fault.NotFound {
		return &fault.Error{Kind: fault.Unavailable, Message: fmt.Sprintf("cannot list %s: the cloud failed (status %d)", what, answer.Actual), Err: err}
	}
	return said("list "+what, err)
}

// dropped is said of a deletion. What is not found has gone, unless it is there when it
// is looked for.
func dropped(what string, err error, look func() error) error {
	switch {
	case err == nil:
		return nil
	case isMissing(err) && isMissing(look()):
		return nil
	case isMissing(err):
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the cloud does not find it, and it is there", Err: err}
	}
	return said(what, err)
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
