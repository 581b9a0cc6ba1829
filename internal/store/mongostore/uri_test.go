package mongostore

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestTheDatabaseAndTheNameOfAURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]struct{ database, name string }{
		"mongodb://h":                            {"bumpwire", "mongodb://h/bumpwire"},
		"mongodb://h/":                           {"bumpwire", "mongodb://h/bumpwire"},
		"mongodb://h1,h2:27018/b1?replicaSet=rs": {"b1", "mongodb://h1,h2:27018/b1"},
		"mongodb://u:p%40w@h/x?tls=true":         {"x", "mongodb://h/x"},
	} {
		o, name, err := clientOptions(uri, "")
		require.NoError(t, err, uri)
		require.Equal(t, want.database, name, uri)
		require.Equal(t, want.name, Name(uri))
		require.Equal(t, "majority", o.WriteConcern.W, uri)
		require.Equal(t, "majority", o.ReadConcern.Level, uri)
	}
}

func TestAURICannotWeakenWhatIsSafe(t *testing.T) {
	t.Parallel()
	o, _, err := clientOptions("mongodb://h/?w=1&retryWrites=false&retryReads=false&readPreference=secondary&readConcernLevel=local&serverSelectionTimeoutMS=700", "")
	require.NoError(t, err)
	require.Equal(t, "majority", o.WriteConcern.W)
	require.Equal(t, "majority", o.ReadConcern.Level)
	require.Equal(t, "primary", o.ReadPreference.Mode().String())
	require.True(t, *o.RetryWrites && *o.RetryReads)
	require.Equal(t, 700*time.Millisecond, *o.ServerSelectionTimeout, "patience is the operator's")
}

func TestThePasswordOfAFile(t *testing.T) {
	t.Parallel()
	o, _, err := clientOptions("mongodb://u@h/b?authSource=admin", "s3cret/@:")
	require.NoError(t, err)
	require.Equal(t, "u", o.Auth.Username)
	require.Equal(t, "s3cret/@:", o.Auth.Password)
	require.Equal(t, "admin", o.Auth.AuthSource)
	_, _, err = clientOptions("mongodb://h/b", "s3cret")
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "names no user")
}

func TestAWrongURIIsRefusedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for _, uri := range []string{"mongodb://u:s3c%zzret@h/b", "mongodb://u:s3c/ret@h/b", "mongodb://u:s3cret@", "mongodb://u:s3cret@h/b?tls=s3cret", "mongodb+srv://u:s3cret@h1,h2/"} {
		_, err := Open(t.Context(), uri, "")
		require.ErrorIs(t, err, fault.Invalid, uri)
		require.NotContains(t, err.Error(), "s3c", uri)
		require.NotContains(t, err.Error(), "ret@", uri)
	}
	_, err := Open(t.Context(), "mongodb://h/?tls=perhaps", "")
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "tls")
}

func TestErrorsOfAServerHaveTheirKinds(t *testing.T) {
	t.Parallel()
	for code, kind := range map[int32]fault.Kind{
		14031: fault.Full, 10334: fault.TooLarge, 18: fault.Unavailable, 13: fault.Unavailable, 189: fault.Unavailable, 10107: fault.Unavailable,
		2: fault.Internal,
	} {
		err := explain(mongo.CommandError{Code: code, Message: "the server's words"})
		require.Equal(t, kind, fault.KindOf(err), code)
		require.ErrorContains(t, err, "the server's words", "kept for the log")
	}
	require.Equal(t, fault.Unavailable, fault.KindOf(explain(mongo.CommandError{Code: 1, Labels: []string{"RetryableWriteError"}})))
	require.Equal(t, fault.Unavailable, fault.KindOf(explain(mongo.CommandError{Labels: []string{"NetworkError"}})))
	require.Equal(t, fault.Unavailable, fault.KindOf(explain(mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}})))
	require.Equal(t, fault.Unavailable, fault.KindOf(explain(errors.New("connection pool is closed"))))
	require.ErrorIs(t, explain(mongo.ErrNoDocuments), mongo.ErrNoDocuments)
	require.NoError(t, explain(nil))
}
