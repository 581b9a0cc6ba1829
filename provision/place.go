package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Place is whose fabric, and where: what a tenant has in one region. Nothing in one
// place reaches into another.
type Place struct {
	Tenant topology.TenantID
	Region string // empty: the first one
}

func (i Instance) place() Place { return Place{i.Tenant, i.Region} }

// key is the place's name among lanes and documents: in the first region the tenant's,
// as it is where there are no regions. No tenant's name begins as the others do.
func (p Place) key() string {
	if p.Region == "" {
		return string(p.Tenant)
	}
	return ReservedTenants + p.Region + "/" + string(p.Tenant)
}

func (p Place) lane() work.Lane { return work.Lane(p.key()) }

// PlaceOf is whose changes a lane is for.
func PlaceOf(lane work.Lane) Place {
	if rest, other := strings.CutPrefix(string(lane), ReservedTenants); other {
		if region, tenant, ok := strings.Cut(rest, "/"); ok {
			return Place{topology.TenantID(tenant), region}
		}
	}
	return Place{Tenant: topology.TenantID(lane)}
}

// Place is a tenant's place in a region by name, in the first one for "". NotFound when
// there is no such region.
func (s *Service) Place(tenant topology.TenantID, region string) (Place, error) {
	_, err := s.regions.In(region)
	return Place{tenant, s.stored(region)}, err
}

// stored is a region's name as documents have it: the first one's goes without saying.
func (s *Service) stored(name string) string {
	if name == s.regions.All()[0].Name {
		return ""
	}
	return name
}

// RegionName is what people call the region of a document; empty where there are no
// regions.
func (s *Service) RegionName(stored string) string {
	if stored == "" {
		return s.regions.All()[0].Name
	}
	return stored
}

// Lanes are those of a tenant's changes, in all regions.
func (s *Service) Lanes(tenant topology.TenantID) (list []work.Lane) {
	for _, r := range s.regions.All() {
		list = append(list, Place{tenant, s.stored(r.Name)}.lane())
	}
	return list
}

// LogValue implements slog.LogValuer.
func (p Place) LogValue() slog.Value { return slog.StringValue(string(p.Tenant) + p.there()) }

// there says the region to people, where it is not the first.
func (p Place) there() string {
	if p.Region == "" {
		return ""
	}
	return fmt.Sprintf(" in region %q", p.Region)
}

// regionOf takes the region out of checked parameters: the first one, when none is
// named. Ours says that the parameter is the broker's and no property of the package.
func (s *Service) regionOf(checked map[string]any, ours bool) (stored string, named bool) {
	if !ours {
		return "", false
	}
	name, named := checked[catalog.KeyRegion].(string)
	delete(checked, catalog.KeyRegion)
	return s.stored(name), named
}

// stays refuses that an instance moves to another region.
func (s *Service) stays(i Instance, region string) error {
	if region == i.Region {
		return nil
	}
	return fault.New(fault.Invalid, "instance %q is in region %q for its life; create another one in region %q and delete this one", i.Name, s.RegionName(i.Region), s.RegionName(region))
}

// Schema is a plan's provision schema with the regions that there are to choose from.
func (s *Service) Schema(plan json.RawMessage) json.RawMessage {
	schema, _ := catalog.WithRegions(plan, s.regions.Names())
	return schema
}

// in is the cloud of a place. A region that has instances and is configured no more is
// no NotFound: that would say that the tenant has nothing there.
func (s *Service) in(p Place) (cloud.Cloud, error) {
	c, err := s.regions.In(p.Region)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "the broker is not configured for region %q any more; bring it back to cloud.regions", p.Region)
	}
	return c, nil
}

// living iterates over the instances of a place that have, or want, something in the
// cloud.
func (s *Service) living(ctx context.Context, p Place) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		for i, err := range s.instances.All(ctx, "live", string(p.Tenant)) {
			if err == nil && i.Region != p.Region {
				continue
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// look is living for who only reads what it is given.
func (s *Service) look(ctx context.Context, p Place) iter.Seq2[*Instance, error] {
	return func(yield func(*Instance, error) bool) {
		for i, err := range s.instances.LookAll(ctx, "live", string(p.Tenant)) {
			if err == nil && i.Region != p.Region {
				continue
			}
			if !yield(i, err) {
				return
			}
		}
	}
}
