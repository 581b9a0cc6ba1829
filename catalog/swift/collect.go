package swift

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// maxManifest bounds what is read of a manifest: Swift's own limit.
const maxManifest = 8 << 20

// All are the digests of all blobs.
func (s *Store) All(ctx context.Context) ([]string, error) {
	list, err := s.list(ctx, "blobs/")
	digests := []string{}
	for _, o := range list {
		digest := "sha256:" + strings.TrimPrefix(o.Name, "blobs/")
		if _, err := catalog.Sum(digest); err == nil {
			digests = append(digests, digest)
		}
	}
	return digests, err
}

// Remove deletes blobs, each with its segments before it: a blob is listed for as
// long as anything of it is there.
func (s *Store) Remove(ctx context.Context, digests []string) error {
	var failed []error
	for _, digest := range digests {
		failed = append(failed, s.remove(ctx, digest))
	}
	return errors.Join(failed...)
}

func (s *Store) remove(ctx context.Context, digest string) error {
	name, err := s.blob(digest)
	if err != nil {
		return err
	}
	segments, err := s.manifest(ctx, name)
	if err != nil {
		return ignoreAbsent(err)
	}
	for _, g := range segments {
		if err := s.delete(ctx, s.object(g.Path)); err != nil {
			return err
		}
	}
	return s.delete(ctx, name)
}

// manifest is of which segments a blob is made; none when it is empty.
func (s *Store) manifest(ctx context.Context, name string) (segments []segment, err error) {
	err = s.again(ctx, "look for a file of a package", func() error {
		answer := objects.Download(ctx, s.client, s.container, name, objects.DownloadOpts{MultipartManifest: "get"})
		if answer.Err != nil {
			return answer.Err
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(io.LimitReader(answer.Body, maxManifest))
		if err != nil || len(raw) == 0 {
			return err
		}
		var rows []struct {
			Name  string `json:"name"`
			Bytes int64  `json:"bytes"`
			Hash  string `json:"hash"`
		}
		err = json.Unmarshal(raw, &rows)
		segments = nil
		for _, r := range rows {
			segments = append(segments, segment{Path: r.Name, ETag: r.Hash, Size: r.Bytes})
		}
		return err
	})
	return segments, err
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// object is the name of an object in the container.
func (s *Store) object(path string) string { return strings.TrimPrefix(path, "/"+s.container+"/") }

// Sweep removes what stages left behind that nobody ended for a day. What became part
// of a blob stays.
func (s *Store) Sweep(ctx context.Context) error {
	stages, err := s.list(ctx, "stages/")
	if err != nil {
		return err
	}
	var used map[string]bool
	for _, mark := range stages {
		if time.Since(mark.LastModified) < abandoned {
			continue
		}
		if used == nil {
			if used, err = s.used(ctx); err != nil {
				return err
			}
		}
		if err := s.sweep(ctx, strings.TrimPrefix(mark.Name, "stages/"), used); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweep(ctx context.Context, id string, used map[string]bool) error {
	segments, err := s.list(ctx, "segments/"+id+"/")
	if err != nil {
		return err
	}
	for _, o := range segments {
		if used[o.Name] {
			continue
		}
		if err := s.delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return s.delete(ctx, "stages/"+id)
}

// used are the segments of all blobs.
func (s *Store) used(ctx context.Context) (map[string]bool, error) {
	blobs, err := s.list(ctx, "blobs/")
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, b := range blobs {
		segments, err := s.manifest(ctx, b.Name)
		if ignoreAbsent(err) != nil {
			return nil, err
		}
		for _, g := range segments {
			used[s.object(g.Path)] = true
		}
	}
	return used, nil
}
