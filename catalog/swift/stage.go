package swift

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// stage uploads the members of one package. The context is that of the push, for
// which it works: ovf.Sink has no place for it.
type stage struct {
	ctx     context.Context
	in      *Store
	id      string
	members map[string]*member
}

// member is a file in the segments that were uploaded of it.
type member struct {
	segments []segment
	blob     bool // the segments belong to a blob now
}

// segment is a row of a static large object's manifest.
type segment struct {
	Path string `json:"path"` // /container/object
	ETag string `json:"etag"`
	Size int64  `json:"size_bytes"`
}

// Stage begins to keep a package. Its mark tells a later Sweep where to look, should
// this process be killed.
func (s *Store) Stage(ctx context.Context) (catalog.Stage, error) {
	t := &stage{ctx: ctx, in: s, id: rand.Text(), members: map[string]*member{}}
	return t, s.put(ctx, "stages/"+t.id, objects.CreateOpts{Content: bytes.NewReader(nil)})
}

// put stores an object whose content can be read from its beginning again.
func (s *Store) put(ctx context.Context, name string, o objects.CreateOpts) error {
	return s.again(ctx, "keep a file of a package", func() error {
		if _, err := o.Content.(io.Seeker).Seek(0, io.SeekStart); err != nil {
			return err
		}
		return objects.Create(ctx, s.client, s.container, name, o).Err
	})
}

// Create begins a member.
func (t *stage) Create(name string, _ int64) (io.WriteCloser, error) {
	m := &member{}
	prefix := fmt.Sprintf("segments/%s/%d", t.id, len(t.members))
	t.members[name] = m
	return newWriter(t, m, prefix)
}

// Open reads a member that was uploaded.
func (t *stage) Open(name string) (io.ReadCloser, error) {
	m, ok := t.members[name]
	if !ok {
		return nil, fmt.Errorf("there is no member %q", name)
	}
	return &joined{in: t.in, ctx: t.ctx, left: m.segments}, nil
}

// Commit has nothing to do: the catalog adds the members once it knows that the
// package may be kept.
func (t *stage) Commit(*ovf.Package) error { return nil }

// Abort leaves the cleaning to Close.
func (t *stage) Abort() error { return nil }

// Add makes blobs of members. One that is there whole already is left as it is.
func (t *stage) Add(ctx context.Context, files []catalog.File) error {
	for _, f := range files {
		m, ok := t.members[f.Name]
		if !ok {
			return fmt.Errorf("there is no member %q", f.Name)
		}
		name, err := t.in.blob(f.Digest)
		if err != nil {
			return err
		}
		old, whole, err := t.in.look(ctx, name)
		if err != nil {
			return err
		}
		if whole {
			continue
		}
		if err := t.in.assemble(ctx, name, m.segments); err != nil {
			return fmt.Errorf("cannot keep %q: %w", f.Name, err)
		}
		m.blob = true
		for _, s := range old {
			if err := t.in.delete(ctx, t.in.object(s.Path)); err != nil {
				return err
			}
		}
	}
	return nil
}

// assemble makes one object of segments. Of none, which no manifest can have, it
// makes an empty object.
func (s *Store) assemble(ctx context.Context, name string, segments []segment) error {
	if len(segments) == 0 {
		return s.put(ctx, name, objects.CreateOpts{Content: bytes.NewReader(nil)})
	}
	manifest, err := json.Marshal(segments)
	if err != nil {
		return err
	}
	return s.put(ctx, name, objects.CreateOpts{
		Content: bytes.NewReader(manifest), MultipartManifest: "put", NoETag: true, ContentType: "application/octet-stream",
	})
}

// look reads of which segments a blob is made, and whether all of them are there as
// they were. No blob, no segments.
func (s *Store) look(ctx context.Context, name string) (segments []segment, whole bool, err error) {
	segments, err = s.manifest(ctx, name)
	if errors.Is(err, fault.NotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for _, g := range segments {
		var about *objects.GetHeader
		err := s.again(ctx, "look for a file of a package", func() (err error) {
			about, err = objects.Get(ctx, s.client, s.container, s.object(g.Path), nil).Extract()
			return err
		})
		if errors.Is(err, fault.NotFound) || err == nil && (about.ETag != g.ETag || about.ContentLength != g.Size) {
			return segments, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return segments, true, nil
}

// Close removes what did not become a blob, and the stage's mark last, so that a
// Sweep finds what could not be removed. The push may have been given up by then.
func (t *stage) Close() error {
	ctx := context.WithoutCancel(t.ctx)
	for _, m := range t.members {
		if m.blob {
			continue
		}
		for _, s := range m.segments {
			if err := t.in.delete(ctx, t.in.object(s.Path)); err != nil {
				return err
			}
		}
	}
	return t.in.delete(ctx, "stages/"+t.id)
}

// joined reads segments one after another.
type joined struct {
	ctx  context.Context // as of the stage
	in   *Store
	left []segment
	now  *reader
}

func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.now == nil {
			if len(j.left) == 0 {
				return 0, io.EOF
			}
			j.now = &reader{ctx: j.ctx, in: j.in, name: j.in.object(j.left[0].Path)}
			if err := j.now.open(); err != nil {
				return 0, err
			}
			j.left = j.left[1:]
		}
		n, err := j.now.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := j.Close(); err != nil {
			return n, err
		}
	}
}

func (j *joined) Close() error {
	if j.now == nil || j.now.body == nil {
		return nil
	}
	r := j.now
	j.now = nil
	return r.Close()
}
