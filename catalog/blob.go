package catalog

import (
	"context"
	"encoding/hex"
	"io"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// Blobs keeps the files of packages, each once, under the name of its digest
// ("sha256:" and 64 lower-case hexadecimal digits); any other name is Invalid.
// Methods may be called at the same time, by several brokers. Add, Remove and Sweep
// are called under the catalog's lock, so that none of them runs beside another.
type Blobs interface {
	// Stage begins to keep the members of one package. Until ctx ends, that is.
	Stage(ctx context.Context) (Stage, error)
	// Open streams a blob while ctx lasts. NotFound when there is none.
	Open(ctx context.Context, digest string) (io.ReadCloser, error)
	// Size is how many bytes a blob has. NotFound when there is none.
	Size(ctx context.Context, digest string) (int64, error)
	// Remove deletes blobs; one that is not there is no error, and one that cannot be
	// deleted keeps no other from it.
	Remove(ctx context.Context, digests []string) error
	// All are the digests of all blobs, in no order.
	All(ctx context.Context) ([]string, error)
	// Sweep removes what stages have left behind whose process was killed.
	Sweep(ctx context.Context) error
	// String says to people where the blobs are.
	String() string
}

// Stage takes in the members of one package, verified or not: none of them is a blob
// before Add. It is used by one goroutine.
type Stage interface {
	ovf.Sink
	// Open reads a member whose writer was closed.
	Open(name string) (io.ReadCloser, error)
	// Add makes blobs of verified members and returns when they are durable. One that
	// is there already stays readable by who reads it, and one that is damaged is mended.
	Add(ctx context.Context, files []File) error
	// Close removes every member that did not become a blob.
	Close() error
}

const digestPrefix = "sha256:"

// Sum is the hexadecimal part of a digest. Invalid when it is no digest, so that none
// can name anything else than a blob.
func Sum(digest string) (string, error) {
	sum, ok := strings.CutPrefix(digest, digestPrefix)
	if raw, err := hex.DecodeString(sum); !ok || err != nil || len(raw) != 32 || sum != strings.ToLower(sum) {
		return "", fault.New(fault.Invalid, "%q is not a SHA-256 digest", digest)
	}
	return sum, nil
}
