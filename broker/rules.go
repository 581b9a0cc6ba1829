package broker

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// rules are a platform's, with what follows from them.
type rules api.PlatformRules

// contextOf is the context of a request: an object, or nothing.
func contextOf(context json.RawMessage) (map[string]any, error) {
	trimmed := bytes.TrimSpace(context)
	if len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return nil, nil
	}
	if !bytes.HasPrefix(trimmed, []byte("{")) {
		return nil, fault.New(fault.Invalid, "context must be a JSON object")
	}
	c := map[string]any{}
	if err := json.Unmarshal(trimmed, &c); err != nil {
		return nil, fault.New(fault.Invalid, "context: %s", jsonProblem(err))
	}
	return c, nil
}

// tenant is whose an instance will be.
func (r rules) tenant(organization string, context json.RawMessage) (topology.TenantID, error) {
	c, err := contextOf(context)
	if err != nil {
		return "", err
	}
	if r.Tenant != "" {
		return checkTenant(r.Tenant)
	}
	key, name, err := r.named(organization, c)
	if err != nil {
		return "", err
	}
	if len(r.TenantMap) == 0 {
		return checkTenant(r.TenantPrefix + name)
	}
	tenant, ok := r.TenantMap[name]
	if !ok {
		return "", fault.New(fault.Invalid, "the %s %.100q is no tenant's here; ask the operator to map it to one", key, name)
	}
	return checkTenant(tenant)
}

// named is what the request calls the tenant, and where it does so. The
// organization_guid beside the context is deprecated but still sent.
func (r rules) named(organization string, c map[string]any) (key, name string, err error) {
	const organizationKey = "organization_guid"
	key = r.TenantKey
	switch {
	case key != "":
	case c["platform"] == "kubernetes" && c["namespace"] != nil:
		key = "namespace"
	default:
		key = organizationKey
	}
	value, there := c[key]
	name, text := value.(string)
	switch {
	case text && name != "":
		return key, name, nil
	case there && !text:
		return key, "", fault.New(fault.Invalid, "context.%s must be a string", key)
	case key == organizationKey:
		return key, organization, nil
	}
	return key, "", fault.New(fault.Invalid, "context.%s is needed: it says whose the instance is", key)
}

func checkTenant(tenant string) (topology.TenantID, error) {
	if tenant == "" || len(tenant) > 255 || !printable(tenant) {
		return "", fault.New(fault.Invalid, "a tenant's name has 1 to 255 printable bytes")
	}
	if strings.HasPrefix(tenant, provision.ReservedTenants) {
		return "", fault.New(fault.Invalid, "a tenant's name does not begin with %q", provision.ReservedTenants)
	}
	return topology.TenantID(tenant), nil
}

// sees says whether a plan exists for the platform.
func (r rules) sees(s catalog.Service, p catalog.Plan) bool {
	return len(r.Services) == 0 || slices.ContainsFunc(r.Services, func(shown string) bool {
		service, plan, one := strings.Cut(shown, "/")
		return (service == s.Name || service == string(s.ID)) && (!one || plan == p.Name || plan == string(p.ID))
	})
}

// visible are the services with the plans that the platform sees.
func (r rules) visible(services []catalog.Service) []catalog.Service {
	var seen []catalog.Service
	for _, s := range services {
		s.Plans = slices.DeleteFunc(slices.Clone(s.Plans), func(p catalog.Plan) bool { return !r.sees(s, p) })
		if len(s.Plans) > 0 {
			seen = append(seen, s)
		}
	}
	return seen
}

// seesAll says whether nothing is hidden from the platform.
func (r rules) seesAll() bool { return len(r.Services) == 0 }

// view tells apart the catalogs that platforms see.
func (r rules) view() string {
	return fmt.Sprintf("%t %q", r.Dialect.WithoutSchemas, slices.Sorted(slices.Values(r.Services)))
}

// allowances are the quotas that an instance of the platform counts against.
func (r rules) allowances(platform string, tenant topology.TenantID) []provision.Allowance {
	var list []provision.Allowance
	if r.Quota != (api.Quota{}) {
		list = append(list, provision.Allowance{Holder: fmt.Sprintf("platform %q", platform), Quota: provision.Quota(r.Quota)})
	}
	if r.TenantQuota != (api.Quota{}) {
		list = append(list, provision.Allowance{Holder: fmt.Sprintf("tenant %q on platform %q", tenant, platform), Quota: provision.Quota(r.TenantQuota)})
	}
	return list
}

// missingVersion is the status of a request without version header.
func (r rules) missingVersion(standard int) int {
	return cmp.Or(r.Dialect.MissingVersionStatus, standard)
}

// checkRules refuses what could never mean anything.
func checkRules(r api.PlatformRules) error {
	for _, tenant := range slices.Concat([]string{r.Tenant}, slices.Collect(maps.Values(r.TenantMap))) {
		if _, err := checkTenant(cmp.Or(tenant, "none")); err != nil {
			return err
		}
	}
	negative := func(q api.Quota) bool { return q.Instances < 0 || q.VCPUs < 0 || q.MemoryBytes < 0 }
	switch status := r.Dialect.MissingVersionStatus; {
	case status != 0 && status != http.StatusBadRequest && status != http.StatusPreconditionFailed:
		return fault.New(fault.Invalid, "missing_version_status is 412 or 400, not %d", status)
	case negative(r.Quota), negative(r.TenantQuota):
		return fault.New(fault.Invalid, "a quota is not negative; 0 is no limit")
	case r.Tenant != "" && (r.TenantKey != "" || r.TenantPrefix != "" || len(r.TenantMap) > 0):
		return fault.New(fault.Invalid, "a platform with one tenant has no use for a tenant key, prefix or map")
	case r.TenantPrefix != "" && len(r.TenantMap) > 0:
		return fault.New(fault.Invalid, "a tenant map says the whole names; leave the prefix out")
	case slices.Contains(r.Services, ""), slices.Contains(slices.Collect(maps.Values(r.TenantMap)), ""):
		return fault.New(fault.Invalid, "a service or a tenant of the map has an empty name")
	}
	return nil
}
