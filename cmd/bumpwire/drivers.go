package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, c config) (*store.Store, error) {
	driver, err := openDriver(ctx, c)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, driver)
	if err != nil {
		driver.Close()
	}
	return s, err
}

// openDriver opens the back end that the configuration names, whatever is in it.
func openDriver(ctx context.Context, c config) (store.Driver, error) {
	if c.Store.mongo() {
		password, err := c.Store.password()
		if err != nil {
			return nil, err
		}
		return mongostore.Open(ctx, c.Store.URL, password)
	}
	kind, path, _ := strings.Cut(c.Store.URL, ":")
	switch {
	case c.Store.URL == "":
		path = c.path("bumpwire.db")
	case kind != "sqlite" || path == "":
		return nil, fault.New(fault.Invalid, "store.url: %q is neither sqlite:PATH nor mongodb://HOST/DATABASE", c.Store.URL)
	}
	return sqlitestore.Open(ctx, path)
}

// openCloud opens the cloud that the configuration names, and refuses one that
// misses something, saying what and how it is mended.
func openCloud(ctx context.Context, c config, log *slog.Logger) (cloud.Cloud, error) {
	opened, err := cloudOf(ctx, c, log)
	if err != nil {
		return nil, err
	}
	problems := opened.Check(ctx)
	if len(problems) == 0 {
		return opened, nil
	}
	opened.Close()
	f := &fault.Error{Kind: fault.Unavailable, Message: "the " + opened.Name() + " cloud cannot work here"}
	for _, p := range problems {
		f.Details = append(f.Details, p.What+"; remedy: "+p.Remedy)
	}
	return nil, f
}

func cloudOf(ctx context.Context, c config, log *slog.Logger) (cloud.Cloud, error) {
	switch c.Cloud.Driver {
	case "linux":
		return linux.New(ctx, linux.Options{Scope: c.Cloud.Scope, Dir: c.path("linux"), Log: log, Accelerator: c.Cloud.Accelerator})
	case "sim":
		return sim.New(sim.Options{Path: c.path(c.Cloud.simFile()), BootTime: c.Cloud.BootTime}), nil
	case "openstack":
		return openstack.Open(ctx, c.Cloud.openstack(log))
	}
	return nil, fault.New(fault.Invalid, "cloud.driver: %q is not a cloud; there are linux, openstack and sim", c.Cloud.Driver)
}

// openstack are the driver's options.
func (c cloudConfig) openstack(log *slog.Logger) openstack.Options {
	from, _ := prefixes(c.MgmtFrom) // checked when the configuration was read
	return openstack.Options{
		Management: c.Management, ManagementFrom: from,
		Scope: c.Scope, Cloud: c.Name, File: c.File, Region: c.Region, CA: c.CA, Retain: c.Retain, Log: log,
		Cutover: c.Cutover, Northbound: ovn.Options{Address: c.OVNAddress, CA: c.OVNCA, Certificate: c.OVNCert, Key: c.OVNKey},
	}
}

// prefixes reads ranges of addresses with commas between them.
func prefixes(text string) (list []netip.Prefix, err error) {
	for _, part := range listed(text) {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("%q is not a range of addresses such as 192.0.2.0/24", part)
		}
		list = append(list, p)
	}
	return list, nil
}
