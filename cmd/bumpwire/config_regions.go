package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// regionsConfig are the regions that a broker serves; none: one without a name.
type regionsConfig []regionConfig

// regionConfig is a region with what differs there; what is left out is as the keys of
// the cloud say.
type regionConfig struct {
	Name       string `yaml:"name"`            // as tenants know it
	Region     string `yaml:"region"`          // openstack: of the catalog's endpoints; empty: as the name
	Management string `yaml:"management"`      // openstack, these and the following: as the cloud's own
	MgmtFrom   string `yaml:"management_from"` //
	Cutover    string `yaml:"cutover"`         //
	OVNAddress string `yaml:"ovn_address"`     //
	OVNCA      string `yaml:"ovn_ca"`          //
	OVNCert    string `yaml:"ovn_cert"`        //
	OVNKey     string `yaml:"ovn_key"`         //
}

func (c cloudConfig) checkRegions() error {
	if len(c.Regions) == 0 {
		return nil
	}
	if c.Driver == "linux" {
		return fault.New(fault.Invalid, "cloud.regions: a linux cloud is one machine, and has none")
	}
	var names []string
	called := map[string]string{}
	for _, r := range c.Regions {
		names = append(names, r.Name)
		if other, twice := called[r.endpoint()]; twice && other != r.Name {
			return fault.New(fault.Invalid, "cloud.regions: %q and %q are the same region of the cloud, %q", other, r.Name, r.endpoint())
		}
		called[r.endpoint()] = r.Name
		if _, err := prefixes(r.MgmtFrom); err != nil {
			return fault.New(fault.Invalid, "cloud.regions: management_from of %q: %s", r.Name, err)
		}
	}
	if err := cloud.CheckRegionNames(names); err != nil {
		return fault.New(fault.Invalid, "cloud.regions: %s", fault.Message(err))
	}
	return nil
}

// in is the configuration of one region's cloud.
func (c config) in(r regionConfig) config {
	own := &c.Cloud
	own.Region = r.endpoint()
	own.Management = cmp.Or(r.Management, own.Management)
	own.MgmtFrom = cmp.Or(r.MgmtFrom, own.MgmtFrom)
	own.Cutover = cmp.Or(r.Cutover, own.Cutover)
	own.OVNAddress = cmp.Or(r.OVNAddress, own.OVNAddress)
	own.OVNCA = cmp.Or(r.OVNCA, own.OVNCA)
	own.OVNCert = cmp.Or(r.OVNCert, own.OVNCert)
	own.OVNKey = cmp.Or(r.OVNKey, own.OVNKey)
	return c
}

// endpoint is what the cloud calls the region.
func (r regionConfig) endpoint() string { return cmp.Or(r.Region, r.Name) }

// simFile is where a simulated cloud is kept; the first region's is where that of a
// broker without regions is.
func (c cloudConfig) simFile() string {
	if len(c.Regions) == 0 || c.Region == c.Regions[0].endpoint() {
		return "sim.json"
	}
	return "sim-" + url.PathEscape(c.Region) + ".json"
}

// openRegions opens the clouds of all regions, or the only one.
func openRegions(ctx context.Context, c config, log *slog.Logger) (cloud.Regions, error) {
	if len(c.Cloud.Regions) == 0 {
		one, err := openCloud(ctx, c, log)
		return cloud.Only(one), err
	}
	var opened []cloud.Region
	for _, r := range c.Cloud.Regions {
		one, err := openCloud(ctx, c.in(r), log)
		if err != nil {
			for _, o := range opened {
				_ = o.Cloud.Close() // nothing was done there
			}
			return cloud.Regions{}, inRegionOf(r.Name, err)
		}
		opened = append(opened, cloud.Region{Name: r.Name, Cloud: one})
	}
	return cloud.NewRegions(opened...)
}

// inRegionOf says in which region something went wrong.
func inRegionOf(name string, err error) error {
	f := &fault.Error{Kind: fault.KindOf(err), Message: "region " + name + ": " + fault.Message(err), Err: err}
	if cause := new(fault.Error); errors.As(err, &cause) {
		f.Details = cause.Details
	}
	return f
}

// firstRegion is the region of those instances whose documents name none.
type firstRegion struct {
	Name string `json:"name"`
}

// checkFirst refuses another first region than the store knows: its instances would be
// looked for where they are not.
func checkFirst(ctx context.Context, st *store.Store, regions cloud.Regions) error {
	names := regions.Names()
	if len(names) == 0 {
		return nil
	}
	marks := store.In[firstRegion](st, "broker", nil)
	_, err := marks.Upsert(ctx, "regions", func(m firstRegion, exists bool) (firstRegion, error) {
		if !exists {
			return firstRegion{names[0]}, nil
		}
		if m.Name != names[0] {
			return m, fault.New(fault.Conflict, "cloud.regions begins with %q, and instances of the store that name no region are in %q: let it stay the first", names[0], m.Name)
		}
		return m, store.Unchanged
	})
	return err
}
