package mongostore

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// explain gives what a call met a kind and a sentence. What the library says stays
// the cause, for the log; it quotes no password.
func explain(err error) error {
	var server mongo.ServerError
	var unencoded mongo.MarshalError
	switch {
	case err == nil, errors.Is(err, mongo.ErrNoDocuments), mongo.IsDuplicateKeyError(err), errors.As(err, &unencoded):
		return err
	case errors.As(err, &server) && !mongo.IsNetworkError(err) && !mongo.IsTimeout(err):
		return answered(server)
	}
	return &fault.Error{Kind: fault.Unavailable, Message: "the MongoDB server of the store does not answer", Err: err}
}

// answers are the error codes of a server that are not a mistake of ours
// (https://www.mongodb.com/docs/manual/reference/error-codes/).
var answers = []struct {
	codes    []int
	kind     fault.Kind
	sentence string
}{
	{[]int{10334, 17280, 17419, 17420}, fault.TooLarge, "the document is larger than MongoDB takes"},
	{[]int{14031}, fault.Full, "there is no space left on the disk of the store's MongoDB server"},
	{[]int{13, 18, 8000}, fault.Unavailable, "the store's MongoDB server refuses the broker's user or password, or what that user wants to do"},
	// Servers that start, stop, elect, wait for a majority, or were too slow.
	{[]int{6, 7, 24, 50, 64, 79, 89, 91, 100, 112, 133, 134, 189, 202, 262, 317, 358, 384, 402, 9001, 10058, 10107, 11600, 11602, 13435, 13436},
		fault.Unavailable, "the MongoDB servers of the store cannot serve it now"},
}

func answered(err mongo.ServerError) error {
	for _, a := range answers {
		if slices.ContainsFunc(a.codes, err.HasErrorCode) {
			return &fault.Error{Kind: a.kind, Message: a.sentence, Err: err}
		}
	}
	for _, label := range []string{"RetryableWriteError", "RetryableError", "SystemOverloadedError"} {
		if err.HasErrorLabel(label) {
			return &fault.Error{Kind: fault.Unavailable, Message: "the MongoDB servers of the store cannot serve it now", Err: err}
		}
	}
	return err
}
