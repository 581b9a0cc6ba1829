// Package swift keeps the files of packages in a container of an OpenStack object
// store.
//
//	blobs/SUM              a static large object: the bytes whose SHA-256 is SUM
//	segments/STAGE/M.N     its pieces; STAGE is the push that brought them
//	stages/STAGE           a push under way, or one that was killed
//
// Pieces are uploaded while the package is read. A blob comes to be by one request, which
// names its pieces with their sizes and MD5 sums and which Swift refuses unless all of
// them are there: what was not verified, or not wholly stored, is never a blob.
package swift

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	// leastSegment is what one request uploads of a file that is not larger than
	// leastSegment × maxSegments.
	leastSegment = 64 << 20
	// maxSegments is how many a static large object may have, unless Swift is
	// configured otherwise (max_manifest_segments).
	maxSegments = 1000
	// abandoned is how old a stage must be to count as killed. A push that takes longer
	// fails.
	abandoned = 24 * time.Hour
)

// Options say where blobs are kept.
type Options struct {
	Client    *gophercloud.ServiceClient // of the object store
	Container string                     // made if it does not exist
	Spool     string                     // an existing folder, for one segment of each push under way
	Largest   int64                      // bytes that one file may have at most; 0: 62.5 GiB
	Segment   int64                      // bytes of a segment; 0: as Largest needs, at least 64 MiB
}

// Store keeps blobs in a container. It is a catalog.Blobs.
type Store struct {
	client    *gophercloud.ServiceClient
	container string
	spool     string
	segment   int64
	pause     time.Duration // before a call is tried again
}

// Open makes the container if need be.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{client: o.Client, container: o.Container, spool: o.Spool, segment: o.Segment, pause: time.Second}
	if s.segment <= 0 {
		s.segment = max(leastSegment, (o.Largest+maxSegments-1)/maxSegments)
	}
	return s, s.again(ctx, "make the container of the packages", func() error {
		return containers.Create(ctx, s.client, s.container, nil).Err
	})
}

// String is the container, as the configuration names it.
func (s *Store) String() string { return "swift://" + s.container }

func (s *Store) blob(digest string) (string, error) {
	sum, err := catalog.Sum(digest)
	return "blobs/" + sum, err
}

// Size is how many bytes a blob has. NotFound when there is none.
func (s *Store) Size(ctx context.Context, digest string) (int64, error) {
	name, err := s.blob(digest)
	if err != nil {
		return 0, err
	}
	var about *objects.GetHeader
	err = s.again(ctx, "look for a file of a package", func() (err error) {
		about, err = objects.Get(ctx, s.client, s.container, name, nil).Extract()
		return err
	})
	if err != nil {
		return 0, s.absent(err, digest)
	}
	return about.ContentLength, nil
}

// tries is how often a call is made that fails for no reason of its own.
const tries = 3

// again makes a call, up to tries times while what fails of it may pass.
func (s *Store) again(ctx context.Context, what string, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if err == nil {
			return nil
		}
		if err = said(what, err); n == tries || !errors.Is(err, fault.Unavailable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.pause):
		}
	}
}

// said gives an answer of Swift a kind and a sentence. A quota is told by 413
// (account and container quotas), a disk that is full by 507.
func said(what string, err error) error {
	var answer gophercloud.ErrUnexpectedResponseCode
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("cannot %s: %w", what, err)
	case !errors.As(err, &answer):
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the object store does not answer", Err: err}
	}
	switch answer.Actual {
	case http.StatusNotFound:
		return &fault.Error{Kind: fault.NotFound, Message: "cannot " + what + ": the object store has it no more", Err: err}
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage:
		return &fault.Error{Kind: fault.Full, Message: "there is no space left in the object store to keep the package", Err: err}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the object store does not allow it to the broker's account", Err: err}
	}
	return &fault.Error{Kind: fault.Unavailable, Message: fmt.Sprintf("cannot %s: the object store answered %d", what, answer.Actual), Err: err}
}

// absent says in the catalog's words that a blob is not there.
func (s *Store) absent(err error, digest string) error {
	if errors.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "no stored file has the digest %s", digest)
	}
	return err
}

// delete removes an object; one that is not there is no error.
func (s *Store) delete(ctx context.Context, name string) error {
	err := s.again(ctx, "remove a file of a package", func() error {
		return objects.Delete(ctx, s.client, s.container, name, nil).Err
	})
	return ignoreAbsent(err)
}

// list gives all objects whose names begin so.
func (s *Store) list(ctx context.Context, prefix string) (list []objects.Object, err error) {
	err = s.again(ctx, "list the files of packages", func() error {
		pages, err := objects.List(s.client, s.container, objects.ListOpts{Prefix: prefix}).AllPages(ctx)
		if err != nil {
			return err
		}
		list, err = objects.ExtractInfo(pages)
		return err
	})
	return list, err
}
