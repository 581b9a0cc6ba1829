// Package catalog turns vendors' packages into services on offer, and keeps the
// packages' bytes.
//
// Bytes lie in a folder, each file once under the name of its digest. Documents
// lie in two collections: "packages", key vendor/name@version, never altered;
// and "services", key the service id. A push writes bytes first, then the
// package, then the service: a crash in between leaves bytes that nobody refers
// to, which the next start collects, or a package whose service the same push
// again completes.
package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/ovf"
)

// Catalog is the packages and services. Its methods may be called at the same
// time, also by several brokers on one store and one folder.
type Catalog struct {
	packages store.Collection[Package]
	services store.Collection[Service]
	blobs    *Blobs
	options  ovf.Options
	log      *slog.Logger

	mu          sync.Mutex
	descriptors map[PackageID]*ovf.Package // read again after a restart; packages never change
}

// Config is what a Catalog works with; all but Options are required.
type Config struct {
	Store   *store.Store
	Dir     string // folder of the packages' bytes; made if it does not exist
	Log     *slog.Logger
	Options ovf.Options // limits of a package, and who may sign one
}

// New opens a catalog and collects what killed pushes have left behind.
func New(c Config) (*Catalog, error) {
	blobs, err := OpenBlobs(c.Dir)
	if err != nil {
		return nil, err
	}
	return &Catalog{
		packages:    store.In(c.Store, "packages", func(p Package) map[string]string { return map[string]string{"vendor": p.Vendor} }),
		services:    store.In(c.Store, "services", func(s Service) map[string]string { return map[string]string{"name": s.Name, "vendor": s.Vendor} }),
		blobs:       blobs,
		options:     c.Options,
		log:         c.Log,
		descriptors: map[PackageID]*ovf.Package{},
	}, nil
}

// Services lists all services, by name.
func (c *Catalog) Services(ctx context.Context) ([]Service, error) {
	list := []Service{}
	for s, err := range c.services.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Service is the service with that id. NotFound when there is none.
func (c *Catalog) Service(ctx context.Context, id ServiceID) (Service, error) {
	s, err := c.services.Get(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return s, fault.New(fault.NotFound, "there is no service %q", id)
	}
	return s, err
}

// Packages lists all packages, by id.
func (c *Catalog) Packages(ctx context.Context) ([]Package, error) {
	list := []Package{}
	for p, err := range c.packages.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Package is the package with that id. NotFound when there is none.
func (c *Catalog) Package(ctx context.Context, id PackageID) (Package, error) {
	p, err := c.packages.Get(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return p, fault.New(fault.NotFound, "there is no package %q", id)
	}
	return p, err
}

// Offer is all there is to know about one plan.
type Offer struct {
	Service Service
	Plan    Plan
	Package Package // the one that new instances are made of
}

// Offer looks a plan up, also of a service that is not in the OSB catalog.
// NotFound names what is unknown.
func (c *Catalog) Offer(ctx context.Context, service ServiceID, plan PlanID) (Offer, error) {
	s, err := c.Service(ctx, service)
	if err != nil {
		return Offer{}, err
	}
	n := slices.IndexFunc(s.Plans, func(p Plan) bool { return p.ID == plan })
	if n < 0 {
		return Offer{}, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
	}
	p, err := c.Package(ctx, s.Package)
	if err != nil {
		return Offer{}, fmt.Errorf("service %q: %w", s.Name, err)
	}
	return Offer{Service: s, Plan: s.Plans[n], Package: p}, nil
}

// Prices are all prices of a plan, past and present.
func (c *Catalog) Prices(ctx context.Context, service ServiceID, plan PlanID) ([]Price, error) {
	s, err := c.Service(ctx, service)
	if err != nil {
		return nil, err
	}
	for _, p := range s.Plans {
		if p.ID == plan {
			return p.Prices, nil
		}
	}
	return nil, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
}

// Version changes whenever anything changes that the OSB catalog shows.
func (c *Catalog) Version(ctx context.Context) (string, error) {
	h := sha256.New()
	for s, err := range c.services.All(ctx, "", "") {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %s %d\n", s.ID, s.State, s.Changed.UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// Open streams a stored file by its digest. NotFound when there is none.
func (c *Catalog) Open(_ context.Context, digest string) (io.ReadCloser, error) {
	return c.blobs.Open(digest)
}

// Descriptor is a stored package as the OVF reader understands it.
func (c *Catalog) Descriptor(ctx context.Context, id PackageID) (*ovf.Package, error) {
	c.mu.Lock()
	known := c.descriptors[id]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	p, err := c.Package(ctx, id)
	if err != nil {
		return nil, err
	}
	pkg, err := c.read(p)
	if err != nil {
		return nil, fmt.Errorf("cannot read the descriptor of package %q: %w", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.descriptors[id] = pkg
	return pkg, nil
}

// read reads the stored descriptor again. It was valid when it was pushed; what
// a descriptor alone cannot show (its files) is taken from the package.
func (c *Catalog) read(p Package) (*ovf.Package, error) {
	for _, f := range p.Files {
		if f.Name != p.Descriptor {
			continue
		}
		r, err := c.blobs.Open(f.Digest)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		return ovf.ReadDescriptor(f.Name, data, c.options), nil
	}
	return nil, errors.New("the package has no descriptor")
}

func now() time.Time { return time.Now().UTC() }
