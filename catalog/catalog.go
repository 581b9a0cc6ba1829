// Package catalog turns vendors' packages into services on offer, and keeps the
// packages' bytes.
//
// # What is stored
//
// Bytes lie in a folder or in an object store, each file once under the name of its digest. Documents
// lie in four collections: "packages", key vendor/name@version, never altered;
// "services", key the service id; "names", key a service's name, which makes it
// unique; and "eulas", key the digest of a licence's text, which is kept for good
// because acceptances refer to it. A push writes licences, then bytes, then the package,
// then the service: a crash in between leaves bytes that nobody refers to, or a package
// that its service does not know of. Collect makes up for both, at every start, and so does the same push
// again.
//
// # Versions
//
// A new version of a draft replaces the draft. A new version of a service that has
// been published waits as its Candidate until the service is published again.
// Instances keep the version they were made of; plans that a newer version has no
// more become Former, so that their instances can still be billed.
package catalog

import (
	"cmp"
	"context"
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
	packages  store.Collection[Package]
	services  store.Collection[Service]
	names     store.Collection[nameClaim]
	eulas     store.Collection[eulaText]
	contracts store.Collection[Contract]
	blobs     Blobs
	locked    func(context.Context, func(context.Context) error) error // while blobs go in and out
	options   ovf.Options
	quota     Quota
	uploads   uploads
	log       *slog.Logger

	mu          sync.Mutex
	descriptors map[string]*ovf.Package // by the descriptor's digest, so never out of date
	version     knownVersion
}

// Config is what a Catalog works with; all but Options and Quota are required, Dir unless there are Blobs.
type Config struct {
	Store   *store.Store
	Dir     string // folder of the packages' bytes; made if it does not exist
	Blobs   Blobs  // where packages' bytes are kept instead; Dir is not needed then
	Log     *slog.Logger
	Options ovf.Options // limits of a package, who may sign one, whether it is read strictly
	Quota   Quota       // of each vendor
}

// New opens a catalog, sweeps what killed pushes have staged, and collects. A
// failing Collect is logged and no failure of New: the catalog works without.
func New(c Config) (*Catalog, error) {
	catalog := &Catalog{
		blobs:       c.Blobs,
		locked:      newLease(c.Store).hold,
		options:     c.Options,
		quota:       c.Quota.withDefaults(),
		uploads:     uploads{vendors: map[string]*vendorUploads{}},
		log:         c.Log,
		descriptors: map[string]*ovf.Package{},
	}
	if c.Blobs == nil {
		folder, err := OpenFolder(c.Dir)
		if err != nil {
			return nil, err
		}
		catalog.blobs, catalog.locked = folder, folder.locked
	}
	catalog.keepIn(c.Store)
	if err := catalog.Collect(context.Background()); err != nil {
		c.Log.Error("cannot make up for pushes and removals that were killed", "error", err)
	}
	return catalog, nil
}

// keepIn has the catalog keep its documents in a store.
func (c *Catalog) keepIn(s *store.Store) {
	c.packages = store.In(s, "packages", func(p Package) map[string]string { return map[string]string{"vendor": p.Vendor} })
	c.services = store.In(s, "services", func(v Service) map[string]string { return map[string]string{"name": v.Name, "vendor": v.Vendor} })
	c.names = store.In[nameClaim](s, "names", nil)
	c.eulas = store.In[eulaText](s, "eulas", nil)
	c.contracts = store.In(s, "contracts", Contract.keys)
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
	return s, unknown(err, "service", id)
}

// unknown says in a user's words that something is not there.
func unknown[ID ~string](err error, what string, id ID) error {
	if errors.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "there is no %s %q", what, id)
	}
	return err
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
	return p, unknown(err, "package", id)
}

// Offer is all there is to know about one plan.
type Offer struct {
	Service Service
	Plan    Plan
	Package Package // the one that new instances are made of
}

// Offer looks a plan up, also of a service that is not in the OSB catalog. What it
// gives is shared and must not be altered.
// NotFound names what is unknown.
func (c *Catalog) Offer(ctx context.Context, service ServiceID, plan PlanID) (Offer, error) {
	s, err := c.services.Look(ctx, string(service))
	if err != nil {
		return Offer{}, unknown(err, "service", service)
	}
	n := slices.IndexFunc(s.Plans, func(p Plan) bool { return p.ID == plan })
	if n < 0 {
		return Offer{}, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
	}
	p, err := c.packages.Look(ctx, string(s.Package))
	if err != nil {
		return Offer{}, fmt.Errorf("service %q: %w", s.Name, unknown(err, "package", s.Package))
	}
	return Offer{Service: *s, Plan: s.Plans[n], Package: *p}, nil
}

// Prices are all prices of a plan, past, present and announced, those of contracts
// after those for all; also of a plan that is no longer offered. NotFound when there never was such a plan.
func (c *Catalog) Prices(ctx context.Context, service ServiceID, plan PlanID) ([]Price, error) {
	s, err := c.services.Look(ctx, string(service))
	if err != nil {
		return nil, unknown(err, "service", service)
	}
	for _, plans := range [][]Plan{s.Plans, s.Former} {
		for _, p := range plans {
			if p.ID == plan && s.Contracts {
				agreed, err := c.agreed(ctx, service, plan)
				return append(slices.Clone(p.Prices), agreed...), err
			}
			if p.ID == plan {
				return slices.Clone(p.Prices), nil
			}
		}
	}
	return nil, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
}

// Vendor is whose service it is, also of one that is retired. NotFound when there never was
// such a service.
func (c *Catalog) Vendor(ctx context.Context, service ServiceID) (string, error) {
	s, err := c.services.Look(ctx, string(service))
	if err != nil {
		return "", unknown(err, "service", service)
	}
	return s.Vendor, nil
}

// Open streams a stored file by its digest. NotFound when there is none.
func (c *Catalog) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	return c.blobs.Open(ctx, digest)
}

// maxDescriptors bounds the descriptors kept in memory, each up to some megabytes.
const maxDescriptors = 64

// Descriptor is a stored package as the OVF reader understands it. What the
// descriptor alone cannot show (formats and sizes as found) is in the Package.
func (c *Catalog) Descriptor(ctx context.Context, id PackageID) (*ovf.Package, error) {
	p, err := c.packages.Look(ctx, string(id))
	if err != nil {
		return nil, unknown(err, "package", id)
	}
	n := slices.IndexFunc(p.Files, func(f File) bool { return f.Name == p.Descriptor })
	if n < 0 {
		return nil, fmt.Errorf("package %q has no descriptor", id)
	}
	pkg, err := c.descriptor(ctx, p.Files[n])
	if err != nil {
		return nil, fmt.Errorf("cannot read the descriptor of package %q: %w", id, err)
	}
	return pkg, nil
}

func (c *Catalog) descriptor(ctx context.Context, f File) (*ovf.Package, error) {
	c.mu.Lock()
	known := c.descriptors[f.Digest]
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	r, err := c.Open(ctx, f.Digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r) // its size was limited when it was pushed
	if err != nil {
		return nil, err
	}
	pkg := ovf.ReadDescriptor(f.Name, data, c.options)
	if pkg.Content == nil { // findings that are new to this program do not strand instances
		return nil, fmt.Errorf("the stored bytes are damaged: %s", pkg.Findings.Errors())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for digest := range c.descriptors {
		if len(c.descriptors) < maxDescriptors {
			break
		}
		delete(c.descriptors, digest) // any will do; it can be read again
	}
	c.descriptors[f.Digest] = pkg
	return pkg, nil
}

func now() time.Time { return time.Now().UTC() }
