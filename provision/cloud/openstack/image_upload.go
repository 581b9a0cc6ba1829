package openstack

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

var digests = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// upload makes an image of a disk out of the package store. Invalid when its bytes
// are not those that were promised, or name other files. What it began and could not
// finish it removes; what a dead broker left is known by its tags.
func (d *Driver) upload(ctx context.Context, b boot, disk cloud.Disk, hardware map[string]string, content string) (string, error) {
	if !digests.MatchString(disk.Digest) {
		return "", fault.New(fault.Invalid, "disk %q has an image but no sha256 digest", disk.ID)
	}
	in, err := disk.Open(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot read the image of disk %q: %w", disk.ID, err)
	}
	defer in.Close()
	head := make([]byte, cloud.HeaderBytes)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("cannot read the image of disk %q: %w", disk.ID, err)
	}
	if err := cloud.SelfContained(front{bytes.NewReader(head[:n]), err == nil, disk.ID}, disk); err != nil {
		return "", err
	}
	properties := map[string]string{imageTenant: string(b.tenant)}
	for k, v := range hardware {
		properties[k] = v
	}
	made, err := whole(images.Create(ctx, d.image, images.CreateOpts{
		Name: "bumpwire " + disk.Digest[len("sha256:"):][:12], ContainerFormat: "bare", DiskFormat: disk.Format,
		Tags: []string{d.scopeTag(), content, tagFor + whose(b)}, Properties: properties,
	}).Extract())
	if err != nil {
		return "", said("make an image of disk "+disk.ID, err)
	}
	sent := &outgoing{in: io.MultiReader(bytes.NewReader(head[:n]), in), what: disk.ID, of: disk.SizeBytes, want: disk.Digest, log: d.log,
		sums: map[string]hash.Hash{"sha256": sha256.New(), "sha512": sha512.New(), "md5": md5.New()}, told: time.Now()}
	if err = d.send(ctx, made.ID, sent); err == nil {
		err = d.verify(ctx, made.ID, disk, sent)
	}
	if err != nil {
		return "", errors.Join(err, d.dropImage(context.WithoutCancel(ctx), made.ID))
	}
	return made.ID, nil
}

// front is the beginning of an image, which must say all about it.
type front struct {
	*bytes.Reader
	more bool // the image is longer
	disk string
}

func (f front) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.Reader.ReadAt(p, at)
	if errors.Is(err, io.EOF) && f.more {
		return n, fault.New(fault.Invalid, "the image of disk %q does not say at its beginning what it is", f.disk)
	}
	return n, err
}

// refused is an answer as gophercloud has it.
func refused(answer *http.Response, body []byte) error {
	return gophercloud.ErrUnexpectedResponseCode{URL: answer.Request.URL.String(), Method: answer.Request.Method,
		Expected: []int{http.StatusNoContent}, Actual: answer.StatusCode, Body: body, ResponseHeader: answer.Header}
}

// send uploads bytes. They go past the client's own patience and retries: they cannot
// be read twice.
func (d *Driver) send(ctx context.Context, id string, in *outgoing) error {
	what := "upload the image of disk " + in.what
	// The token is renewed by this call, if it has expired, and not in the middle.
	if _, err := images.Get(ctx, d.image, id).Extract(); err != nil {
		return said(what, err)
	}
	token := d.provider.Token()
	err := d.put(ctx, what, id, in)
	if fault.KindOf(err) != fault.Unauthorized || d.provider.ReauthFunc == nil {
		return err
	}
	if in.begun() { // with what it has read it cannot go on, the next attempt begins anew
		return &fault.Error{Kind: fault.Unavailable, Message: "cannot " + what + ": the token has expired meanwhile", Err: err}
	}
	// It expired between the two, and the cloud said so before it wanted any bytes.
	if err := d.provider.Reauthenticate(ctx, token); err != nil {
		return said(what, &gophercloud.ErrUnableToReauthenticate{ErrReauth: err})
	}
	return d.put(ctx, what, id, in)
}

func (d *Driver) put(ctx context.Context, what, id string, in *outgoing) error {
	body := &attempt{of: in}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, d.image.ServiceURL("images", id, "file"), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	req.Header.Set("Expect", "100-continue")
	for key, value := range d.image.AuthenticatedHeaders() {
		req.Header.Set(key, value)
	}
	if req.ContentLength = -1; in.of > 0 {
		req.ContentLength = in.of
	}
	answer, err := d.provider.HTTPClient.Do(req)
	if wrong := body.end(); wrong != nil {
		return wrong // why the cloud was sent no more
	}
	if err != nil {
		return said(what, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4096)) // what is missing is missing from a message
		return said(what, refused(answer, text))
	}
	return nil
}

// verify compares what Glance has with what it was sent, and says that it is the same.
func (d *Driver) verify(ctx context.Context, id string, disk cloud.Disk, sent *outgoing) error {
	what := "check the image of disk " + disk.ID
	var has images.Image
	err := d.until(ctx, what, func() (bool, error) {
		i, err := whole(images.Get(ctx, d.image, id).Extract())
		if err != nil {
			return false, err
		}
		has = *i
		return i.Status == images.ImageStatusActive || i.Status == images.ImageStatusKilled, nil
	})
	if err != nil {
		return err
	}
	algorithm, _ := has.Properties["os_hash_algo"].(string)
	value, _ := has.Properties["os_hash_value"].(string)
	if sent.sums[algorithm] == nil {
		algorithm, value = "md5", has.Checksum
	}
	if has.Status != images.ImageStatusActive || value != sent.sum(algorithm) {
		return fault.New(fault.Unavailable, "the cloud has not kept the image of disk %q as it was sent", disk.ID)
	}
	_, err = images.Update(ctx, d.image, id, images.UpdateOpts{images.ReplaceImageTags{NewTags: append(has.Tags, tagVerified)}}).Extract()
	return said(what, err)
}

// outgoing reads an image, sums it, tells how far it is, and ends in an error when
// it was another one than the package says.
type outgoing struct {
	mu       sync.Mutex // see attempt
	in       io.Reader
	what     string // the disk's id
	of, read int64
	want     string // sha256:…
	wrong    error
	sums     map[string]hash.Hash
	log      *slog.Logger
	told     time.Time
}

// An attempt is one request's reading of an image: a client may read on after the answer
// has come.
type attempt struct {
	of   *outgoing
	over bool
}

// end lets nothing more be read, and says what was wrong with what was.
func (a *attempt) end() error {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.over = true
	return a.of.wrong
}

func (a *attempt) Read(p []byte) (int, error) {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	if a.over {
		return 0, io.ErrClosedPipe
	}
	return a.of.next(p)
}

// begun says whether anything was read.
func (c *outgoing) begun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read > 0
}

// tellEvery is how often the log says how far an upload is.
const tellEvery = 10 * time.Second

func (c *outgoing) next(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read += int64(n)
	for _, s := range c.sums {
		s.Write(p[:n])
	}
	if now := time.Now(); now.Sub(c.told) >= tellEvery {
		c.told = now
		c.log.Info("an image is being uploaded", "disk", c.what, "bytes", c.read, "of", c.of)
	}
	switch {
	case errors.Is(err, io.EOF) && "sha256:"+c.sum("sha256") != c.want:
		c.wrong = fault.New(fault.Invalid, "the image of disk %q is damaged: its digest is sha256:%s instead of %s", c.what, c.sum("sha256"), c.want)
	case err != nil && !errors.Is(err, io.EOF):
		c.wrong = fmt.Errorf("cannot read the image of disk %q: %w", c.what, err)
	}
	if c.wrong != nil {
		return n, c.wrong
	}
	return n, err
}

func (c *outgoing) sum(algorithm string) string {
	return hex.EncodeToString(c.sums[algorithm].Sum(nil))
}
