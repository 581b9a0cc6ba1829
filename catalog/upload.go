package catalog

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Quota bounds what vendors' pushes may cost. A zero field means the default
// named beside it.
type Quota struct {
	Bytes  int64 // of all packages of one vendor, as stored; no limit
	Pushes int   // of one vendor at once; 4
	All    int   // of all vendors at once, on this broker; 16
}

func (q Quota) withDefaults() Quota {
	if q.Pushes <= 0 {
		q.Pushes = 4
	}
	if q.All <= 0 {
		q.All = 16
	}
	return q
}

// uploads are the pushes under way.
type uploads struct {
	mu      sync.Mutex
	all     int
	vendors map[string]*vendorUploads
}

// vendorUploads are those of one vendor.
type vendorUploads struct {
	count int
	bytes atomic.Int64 // that have come of them
}

// upload is the stream of one push, which ends where the vendor's quota does.
type upload struct {
	from   io.Reader
	of     *Catalog
	vendor string
	tally  *vendorUploads
	came   int64
	room   int64 // what the vendor's stored packages leave; -1: no limit
}

// begin admits a push, or says what must end before.
func (c *Catalog) begin(ctx context.Context, vendor string, r io.Reader) (*upload, error) {
	room, err := c.left(ctx, vendor)
	if err != nil {
		return nil, err
	}
	u := &c.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	tally := u.vendors[vendor]
	if tally == nil {
		tally = &vendorUploads{}
	}
	switch {
	case tally.count >= c.quota.Pushes:
		return nil, fault.New(fault.TooMany, "vendor %q has %d uploads under way; begin another when one of them has ended", vendor, tally.count)
	case u.all >= c.quota.All:
		return nil, fault.New(fault.TooMany, "%d uploads are under way here; begin another when one of them has ended", u.all)
	}
	tally.count++
	u.all++
	u.vendors[vendor] = tally
	return &upload{from: r, of: c, vendor: vendor, tally: tally, room: room}, nil
}

func (u *upload) end() {
	all := &u.of.uploads
	all.mu.Lock()
	defer all.mu.Unlock()
	u.tally.bytes.Add(-u.came)
	u.tally.count--
	all.all--
	if u.tally.count == 0 {
		delete(all.vendors, u.vendor)
	}
}

// Read counts the bytes of all the vendor's pushes under way, so that they do not
// fill the disk together either.
func (u *upload) Read(p []byte) (int, error) {
	if came := u.tally.bytes.Load(); u.room >= 0 && came > u.room+containerOverhead {
		return 0, noRoom(u.vendor, u.of.quota.Bytes)
	}
	n, err := u.from.Read(p)
	u.came += int64(n)
	u.tally.bytes.Add(int64(n))
	return n, err
}

// containerOverhead is what a stream may be longer than the files in it: headers,
// padding, an end.
const containerOverhead = 4 << 20

// Room reports whether a vendor's quota has room for that many bytes; TooLarge
// says that it has not.
func (c *Catalog) Room(ctx context.Context, vendor string, bytes int64) error {
	room, err := c.left(ctx, vendor)
	if err == nil && room >= 0 && bytes > room {
		err = noRoom(vendor, c.quota.Bytes)
	}
	return err
}

func noRoom(vendor string, quota int64) error {
	return fault.New(fault.TooLarge, "the packages of vendor %q may have %d bytes together, and this one is more than what is left; remove some", vendor, quota)
}

// left is what a vendor's quota leaves, at least 0; -1 where there is none.
func (c *Catalog) left(ctx context.Context, vendor string) (int64, error) {
	if c.quota.Bytes <= 0 {
		return -1, nil
	}
	left := c.quota.Bytes
	for p, err := range c.packages.All(ctx, "vendor", vendor) {
		if err != nil {
			return 0, err
		}
		left -= p.size()
	}
	return max(left, 0), nil
}

// size is what a package's files count in its vendor's quota. Equal bytes of
// another package count all the same: how much an upload costs must not tell what
// others have uploaded.
func (p Package) size() (bytes int64) {
	for _, f := range p.Files {
		bytes += f.Size
	}
	return bytes
}
