package broker

import (
	"context"
	"net/http"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// pushPackage takes an OVA as a stream. A vendor's user pushes as that vendor; an
// operator says for whom. With strict=true every deviation refuses the package.
func (s *Server) pushPackage(ctx context.Context, c *call) (api.Pushed, error) {
	if err := checkMedia(c.r.Header.Get("Content-Type"), "application/octet-stream"); err != nil {
		return api.Pushed{}, err
	}
	vendor := c.query.Get("vendor")
	if c.who.role == api.Vendor {
		if vendor != "" && vendor != c.who.vendor {
			return api.Pushed{}, fault.New(fault.Forbidden, "you push packages of vendor %q only", c.who.vendor)
		}
		vendor = c.who.vendor
	}
	body := c.paced()
	if err := s.Catalog.Room(ctx, vendor, c.r.ContentLength-uploadOverhead); err != nil {
		return api.Pushed{}, err // before a byte of it is sent, to a client that asked
	}
	push := s.Catalog.Push
	if c.query.Get("strict") == "true" {
		push = s.Catalog.PushStrictly
	}
	pkg, service, err := push(ctx, vendor, body)
	if err != nil {
		return api.Pushed{}, err
	}
	c.w.Header().Set("Location", "/v1/packages/"+escaped(string(pkg.ID)))
	c.status = http.StatusCreated
	return api.Pushed{Package: pkg, Service: service}, nil
}

// uploadOverhead is what an OVA may be longer than the files in it: headers and
// padding of a thousand members.
const uploadOverhead = 4 << 20

func (s *Server) listPackages(ctx context.Context, c *call) (api.List[api.Package], error) {
	l := api.List[api.Package]{Items: []api.Package{}}
	all, err := s.Catalog.Packages(ctx)
	if err != nil {
		return l, err
	}
	wanted := c.query.Get("vendor")
	for _, p := range all {
		if c.who.sells(p.Vendor) && (wanted == "" || wanted == p.Vendor) {
			l.Items = append(l.Items, p)
		}
	}
	return l, nil
}

func (s *Server) showPackage(ctx context.Context, c *call) (api.Package, error) {
	id := catalog.PackageID(c.vars["package"])
	p, err := s.Catalog.Package(ctx, id)
	if err == nil && !c.who.sells(p.Vendor) {
		err = fault.New(fault.NotFound, "package %q does not exist", id)
	}
	return p, err
}

// removePackage refuses while an instance was made of the package: its appliance
// may have to boot again.
func (s *Server) removePackage(ctx context.Context, c *call) (nothing, error) {
	p, err := s.showPackage(ctx, c)
	if err != nil {
		return nothing{}, err
	}
	for i, err := range s.Provision.All(ctx) {
		if err != nil {
			return nothing{}, err
		}
		if i.Package == p.ID && i.State != "deleted" {
			return nothing{}, fault.New(fault.Conflict, "package %q is in use by instances", p.ID)
		}
	}
	return nothing{}, s.Catalog.Remove(ctx, p.ID)
}
