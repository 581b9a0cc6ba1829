package broker

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
)

// renderedCatalog is the catalog's bytes, made once per catalog version and view:
// platforms ask often, vendors change it seldom.
type renderedCatalog struct {
	began time.Time // of the process: another program may render otherwise

	mu      sync.Mutex
	version string
	views   map[string]representation // by rules.view
}

// osbCatalog is GET /v2/catalog.
func (s *Server) osbCatalog(ctx context.Context, c *call) (content, error) {
	r, err := s.rendered(ctx, c.who.rules)
	if err != nil {
		return content{}, err
	}
	return r.choose(c), nil
}

func (s *Server) rendered(ctx context.Context, who rules) (representation, error) {
	k := &s.catalog
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := s.refresh(ctx); err != nil {
		return representation{}, err
	}
	if r, ok := k.views[who.view()]; ok {
		return r, nil
	}
	services, err := s.Catalog.Services(ctx)
	if err != nil {
		return representation{}, err
	}
	at := time.Now()
	plain, err := json.Marshal(s.offerings(who.visible(services), who.Dialect.WithoutSchemas, at))
	if err != nil {
		return representation{}, fmt.Errorf("cannot encode the catalog: %w", err)
	}
	sum := sha256.Sum256(plain)
	r := representation{tag: hex.EncodeToString(sum[:16]), plain: plain, zipped: compressed(plain)}
	if who.seesAll() { // what a platform may see can change without a date
		r.modified = lastChange(services, k.began, at)
	}
	if len(k.views) >= maxViews {
		clear(k.views)
	}
	k.views[who.view()] = r
	return r, nil
}

// refresh throws the renderings away when the catalog is another, whichever broker
// made it so. The lock is held.
func (s *Server) refresh(ctx context.Context) error {
	k := &s.catalog
	version, err := s.Catalog.Version(ctx)
	if err == nil && (k.version != version || k.views == nil) {
		k.version, k.views = version, map[string]representation{}
	}
	return err
}

// lastChange is when a service was changed last, also one that left the catalog, or
// when a price began; not before the process did.
func lastChange(services []catalog.Service, began, at time.Time) time.Time {
	last := began
	later := func(t time.Time) {
		if t.After(last) && !t.After(at) {
			last = t
		}
	}
	for _, service := range services {
		later(service.Changed)
		for _, p := range service.Plans {
			for _, price := range p.Prices {
				later(price.From)
			}
		}
	}
	return last
}

// maxViews is how many renderings are kept: platforms are few, their rules fewer.
const maxViews = 100

func compressed(plain []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// offerings is the catalog as the standard spells it.
func (s *Server) offerings(services []catalog.Service, bare bool, at time.Time) api.Catalog {
	c := api.Catalog{Services: []api.CatalogService{}}
	for _, service := range services {
		if service.Offered() {
			c.Services = append(c.Services, s.offering(service, at))
		}
	}
	if bare {
		for _, service := range c.Services {
			for n := range service.Plans {
				service.Plans[n].Schemas = nil
			}
		}
	}
	return c
}

func (s *Server) offering(service catalog.Service, at time.Time) api.CatalogService {
	out := api.CatalogService{
		Name: service.Name, ID: string(service.ID), Tags: service.Tags,
		Description: cmp.Or(service.Description, service.DisplayName, service.Name),
		Bindable:    true, InstancesRetrievable: true, BindingsRetrievable: true,
		PlanUpdateable: true, AllowContextUpdates: true,
		Metadata: &api.ServiceMetadata{
			DisplayName: service.DisplayName, LongDescription: service.LongDescription, ProviderDisplayName: service.ProviderName,
			DocumentationURL: service.ProductURL, SupportURL: service.VendorURL, ImageURL: service.Icon,
		},
	}
	for _, n := range service.Structure.Networks {
		out.Metadata.Networks = append(out.Metadata.Networks, api.ServiceNetwork(n))
	}
	for _, e := range service.EULAs {
		out.Metadata.EULAs = append(out.Metadata.EULAs, api.ServiceEULA(e))
	}
	if service.State == catalog.Deprecated {
		out.Description = "Deprecated. " + out.Description
	}
	for _, p := range service.Plans {
		plan := s.plan(p, service.Insertion, at)
		plan.BindingRotatable = service.Insertion.Rotatable()
		plan.MaintenanceInfo = &api.MaintenanceInfo{Version: service.Package.MaintenanceVersion()}
		out.Plans = append(out.Plans, plan)
	}
	return out
}

func (s *Server) plan(p catalog.Plan, in catalog.Insertion, at time.Time) api.CatalogPlan {
	costs := costsOf(p.Prices, at)
	create := s.Provision.Schema(p.Schema)
	return api.CatalogPlan{
		ID: string(p.ID), Name: p.Name, Description: cmp.Or(p.Description, p.DisplayName, p.Name),
		Free: len(costs) == 0, Bindable: true,
		Metadata: &api.PlanMetadata{DisplayName: p.DisplayName, Bullets: bullets(p), Costs: costs, Systems: systemsOf(p)},
		Schemas: &api.Schemas{
			ServiceInstance: &api.InstanceSchemas{
				Create: &api.Schema{Parameters: create}, Update: &api.Schema{Parameters: catalog.UpdateSchema(create)},
			},
			ServiceBinding: &api.BindingSchemas{Create: &api.Schema{Parameters: catalog.BindSchema(in)}},
		},
		MaximumPollingDuration: int(s.PollingLimit.Seconds()),
	}
}

// bullets are what a plan gives, for people who compare plans.
func bullets(p catalog.Plan) []string {
	list := []string{count(p.VCPUs, "vCPU"), size(p.MemoryBytes) + " memory"}
	disk, nics := int64(0), 0
	for _, s := range p.Systems {
		disk, nics = disk+s.DiskBytes, nics+len(s.Networks)
	}
	if len(p.Systems) > 1 {
		list = append(list, count(len(p.Systems), "virtual machine"))
	}
	if disk > 0 {
		list = append(list, size(disk)+" disk")
	}
	if nics > 0 {
		list = append(list, count(nics, "network interface"))
	}
	return list
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func size(bytes int64) string {
	const mib, gib = 1 << 20, 1 << 30
	if bytes >= gib && bytes%gib == 0 {
		return fmt.Sprintf("%d GiB", bytes/gib)
	}
	return fmt.Sprintf("%d MiB", bytes/mib)
}

// systemsOf are a plan's virtual machines with their limits.
func systemsOf(p catalog.Plan) []api.PlanSystem {
	var list []api.PlanSystem
	for _, s := range p.Systems {
		list = append(list, api.PlanSystem{
			Name: s.Name, VCPUs: s.VCPUs, VCPULimits: api.PlanLimits(s.VCPURange),
			MemoryBytes: s.MemoryBytes, MemoryLimits: api.PlanLimits(s.MemoryRange),
			DiskBytes: s.DiskBytes, Networks: s.Networks, Firmware: s.Firmware, SecureBoot: s.SecureBoot,
		})
	}
	return list
}

// costsOf are the prices in force at a moment.
func costsOf(prices []catalog.Price, at time.Time) []api.Cost {
	var costs []api.Cost
	for _, c := range catalog.Costs(prices, at) {
		costs = append(costs, api.Cost{Amount: map[string]json.Number{strings.ToLower(c.Currency): json.Number(c.Amount.String())}, Unit: c.Unit})
	}
	return costs
}
