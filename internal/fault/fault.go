// Package fault names the kinds of error that a caller may act on and says, in
// one table, which HTTP status and which exit code each kind becomes.
//
// An error without a kind is internal: the caller is told only that something
// went wrong here, and the log has the rest. Message is for the caller and must
// never hold a secret; wrapping (%w) is for the log.
package fault

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Kind classifies an error. A Kind is itself an error, so that
// errors.Is(err, fault.NotFound) holds through any wrapping.
type Kind string

// The kinds. Their texts are the codes of the management API's error body.
const (
	Invalid       Kind = "invalid"        // the request or the input is wrong; the same again will fail again
	Unauthorized  Kind = "unauthorized"   // no credentials, or wrong ones
	Forbidden     Kind = "forbidden"      // the caller is known and may not do this
	NotFound      Kind = "not_found"      // the thing named does not exist, or not for this caller
	Gone          Kind = "gone"           // it existed and was removed
	Conflict      Kind = "conflict"       // it exists already with other content, or its state forbids this
	Busy          Kind = "busy"           // another operation on the same thing is running; try again later
	AsyncRequired Kind = "async_required" // only an asynchronous answer is possible and the caller does not accept one
	Quota         Kind = "quota"          // more than the caller is allowed to have at a time
	TooLarge      Kind = "too_large"      // over a configured limit
	TooMany       Kind = "too_many"       // more at once than the caller may have; try again when one has ended
	Full          Kind = "full"           // no space left to keep it
	Unavailable   Kind = "unavailable"    // a part we need does not answer; try again later
	Internal      Kind = "internal"       // our own mistake
)

// Error is a Kind's text.
func (k Kind) Error() string { return string(k) }

// table is the one place that maps a kind to the outside. Exit codes are those
// of the command line: 1 failed, 2 wrong usage or invalid input, 3 not found,
// 4 refused or conflict, 5 unavailable.
var table = []struct {
	Kind   Kind
	Status int
	Exit   int
}{
	{Invalid, http.StatusBadRequest, 2},
	{Unauthorized, http.StatusUnauthorized, 4},
	{Forbidden, http.StatusForbidden, 4},
	{NotFound, http.StatusNotFound, 3},
	{Gone, http.StatusGone, 3},
	{Conflict, http.StatusConflict, 4},
	{Busy, http.StatusUnprocessableEntity, 4},
	{AsyncRequired, http.StatusUnprocessableEntity, 4},
	{Quota, http.StatusBadRequest, 4}, // OSB platforms take a 400 for final and show its sentence
	{TooLarge, http.StatusRequestEntityTooLarge, 2},
	{TooMany, http.StatusTooManyRequests, 5},
	{Full, http.StatusInsufficientStorage, 5},
	{Unavailable, http.StatusServiceUnavailable, 5},
	{Internal, http.StatusInternalServerError, 1},
}

// Error carries a kind, a sentence for the caller, and the cause for the log.
type Error struct {
	Kind    Kind
	Message string
	Details []string // further sentences for the caller, one per finding
	Err     error    // cause; may be nil

	// After is how long to wait before the same is tried again, as the part that
	// refused it asks; 0 when it did not say. It never tells more than that.
	After time.Duration
}

// Error is the caller's sentence followed by the cause.
func (e *Error) Error() string {
	if _, said := e.Err.(hidden); e.Err == nil || said {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap gives the kind and the cause, so that errors.Is finds either.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// New makes an error of a kind with a sentence for the caller. Each %w verb keeps
// its operand as a cause, visible to errors.Is; its text becomes part of the
// sentence, so wrap only what a caller may read.
func New(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	switch err.(type) {
	case interface{ Unwrap() error }, interface{ Unwrap() []error }:
		return &Error{Kind: k, Message: err.Error(), Err: hidden{err}}
	}
	return &Error{Kind: k, Message: err.Error()}
}

// hidden keeps a cause for errors.Is and errors.As whose text is already in the
// sentence.
type hidden struct{ error }

func (h hidden) Unwrap() error { return h.error }

// KindOf is the kind of the outermost Error in err, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var k Kind
	if errors.As(err, &k) {
		return k
	}
	return Internal
}

// Passing says whether the same request may succeed later without anybody doing
// anything about it: a part does not answer, is at work on the same thing, or is
// asked too often.
func Passing(err error) bool {
	switch KindOf(err) {
	case Unavailable, Busy, TooMany:
		return true
	default:
		return false
	}
}

// After is how long the part that refused asks to wait; 0 when it did not say.
func After(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return max(e.After, 0)
	}
	return 0
}

// Message is the sentence for the caller: the outermost Error's, or a fixed one
// for errors that were not meant to be read by a caller.
func Message(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "something went wrong here; the operator's log has the details under this request's id"
}

// Status is the HTTP status of err's kind.
func Status(err error) int { return row(KindOf(err)).Status }

// Exit is the exit code of err's kind; 0 for nil.
func Exit(err error) int {
	if err == nil {
		return 0
	}
	return row(KindOf(err)).Exit
}

// FromCode is the kind with the given code, as a client reads it back out of an
// error body; Internal when the code is unknown.
func FromCode(code string) Kind { return row(Kind(code)).Kind }

func row(k Kind) (r struct {
	Kind   Kind
	Status int
	Exit   int
}) {
	for _, r = range table {
		if r.Kind == k {
			return r
		}
	}
	return r // the last row is Internal
}
