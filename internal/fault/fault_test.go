package fault_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// all is every kind with what it is outside. Exit codes: 1 failed, 2 wrong usage
// or invalid input, 3 not found, 4 refused or conflict, 5 unavailable.
var all = []struct {
	kind   fault.Kind
	status int
	exit   int
}{
	{fault.Invalid, 400, 2},
	{fault.Unauthorized, 401, 4},
	{fault.Forbidden, 403, 4},
	{fault.NotFound, 404, 3},
	{fault.Gone, 410, 3},
	{fault.Conflict, 409, 4},
	{fault.Busy, 422, 4},
	{fault.AsyncRequired, 422, 4},
	{fault.Quota, 400, 4},
	{fault.TooLarge, 413, 2},
	{fault.TooMany, 429, 5},
	{fault.Full, 507, 5},
	{fault.Unavailable, 503, 5},
	{fault.Internal, 500, 1},
}

func TestEachKindHasItsStatusAndExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range all {
		for _, err := range []error{
			c.kind,
			fault.New(c.kind, "a sentence"),
			fmt.Errorf("cannot do it: %w", fault.New(c.kind, "a sentence")),
			errors.Join(errors.New("plain"), fault.New(c.kind, "a sentence")),
			&fault.Error{Kind: c.kind, Message: "a sentence", Err: io.EOF},
		} {
			require.ErrorIs(t, err, c.kind)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			require.Equal(t, c.status, fault.Status(err), "%v", err)
			require.Equal(t, c.exit, fault.Exit(err), "%v", err)
		}
	}
}

func TestACodeIsReadBackAsItsKind(t *testing.T) {
	t.Parallel()
	for _, c := range all {
		require.Equal(t, c.kind, fault.FromCode(string(c.kind)))
	}
	for _, code := range []string{"", "INVALID", "teapot"} {
		require.Equal(t, fault.Internal, fault.FromCode(code))
	}
}

func TestAnErrorWithoutKindIsInternalAndSaysNothing(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("cannot dial: %w", errors.New("password is hunter2"))
	require.Equal(t, fault.Internal, fault.KindOf(err))
	require.Equal(t, http.StatusInternalServerError, fault.Status(err))
	require.Equal(t, 1, fault.Exit(err))
	require.NotContains(t, fault.Message(err), "hunter2")
	require.Zero(t, fault.Exit(nil))
}

func TestTheSentenceIsTheOutermostErrors(t *testing.T) {
	t.Parallel()
	inner := fault.New(fault.NotFound, "network %q does not exist", "lan")
	outer := fault.New(fault.Invalid, "the request names no network of yours: %w", inner)
	err := fmt.Errorf("cannot provision: %w", outer)
	require.Equal(t, "the request names no network of yours: network \"lan\" does not exist", fault.Message(err))
	require.Equal(t, "cannot provision: "+fault.Message(err), err.Error(), "no text twice")
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.ErrorIs(t, err, fault.NotFound, "the cause is found too")
}

func TestEveryCauseIsKept(t *testing.T) {
	t.Parallel()
	err := fault.New(fault.Unavailable, "%w, and then %w", io.ErrUnexpectedEOF, &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist})
	require.ErrorIs(t, err, fault.Unavailable)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, fs.ErrNotExist)
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	require.Equal(t, "unexpected EOF, and then open x: file does not exist", err.Error())
}

func TestACauseForTheLogIsNotInTheSentence(t *testing.T) {
	t.Parallel()
	err := &fault.Error{Kind: fault.Unavailable, Message: "the cloud does not answer", Err: errors.New("dial 192.0.2.1: timeout")}
	require.Equal(t, "the cloud does not answer", fault.Message(err))
	require.Equal(t, "the cloud does not answer: dial 192.0.2.1: timeout", err.Error())
}
