package main

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

// ruleFlag is a flag for one of a platform's rules.
type ruleFlag struct {
	flag, usage string
	field       func(*api.PlatformRules) any // points to it
}

var rules = []ruleFlag{
	{"tenant", "all its instances belong to this tenant, whatever their context says", func(r *api.PlatformRules) any { return &r.Tenant }},
	{"tenant-key", "the property of a request's context that names the tenant; empty: organization_guid, or namespace of Kubernetes", func(r *api.PlatformRules) any { return &r.TenantKey }},
	{"tenant-prefix", "put before what the context says, to keep the tenants of platforms apart", func(r *api.PlatformRules) any { return &r.TenantPrefix }},
	{"tenant-map", "`VALUE=TENANT`: which tenant a value of the context means; others are refused; repeatable", func(r *api.PlatformRules) any { return &r.TenantMap }},
	{"service", "`SERVICE[/PLAN]` that it sees, by name or id; none: everything on offer; repeatable", func(r *api.PlatformRules) any { return &r.Services }},
	{"max-instances", "instances that it may have; 0: no limit", func(r *api.PlatformRules) any { return &r.Quota.Instances }},
	{"max-vcpus", "vCPUs of all its instances; 0: no limit", func(r *api.PlatformRules) any { return &r.Quota.VCPUs }},
	{"max-memory", "`MiB` of memory of all its instances; 0: no limit", func(r *api.PlatformRules) any { return &r.Quota.MemoryBytes }},
	{"tenant-max-instances", "instances that each of its tenants may have; 0: no limit", func(r *api.PlatformRules) any { return &r.TenantQuota.Instances }},
	{"tenant-max-vcpus", "vCPUs of each of its tenants' instances; 0: no limit", func(r *api.PlatformRules) any { return &r.TenantQuota.VCPUs }},
	{"tenant-max-memory", "`MiB` of memory of each of its tenants' instances; 0: no limit", func(r *api.PlatformRules) any { return &r.TenantQuota.MemoryBytes }},
	{"missing-version-status", "what a request without version header is answered: 412 or 400; 0: as the broker is configured", func(r *api.PlatformRules) any { return &r.Dialect.MissingVersionStatus }},
	{"gone-after-delete", "polling what was removed is answered with 410 instead of 200 succeeded", func(r *api.PlatformRules) any { return &r.Dialect.GoneAfterDelete }},
	{"unbind-first", "deleting an instance that has bindings is refused instead of removing them too", func(r *api.PlatformRules) any { return &r.Dialect.UnbindFirst }},
	{"without-schemas", "its catalog leaves the plans' parameter schemas out", func(r *api.PlatformRules) any { return &r.Dialect.WithoutSchemas }},
}

// ruleFlags defines the flags that fill in r.
func ruleFlags(cmd *cobra.Command, r *api.PlatformRules) {
	for _, f := range rules {
		switch p := f.field(r).(type) {
		case *string:
			cmd.Flags().StringVar(p, f.flag, "", f.usage)
		case *int:
			cmd.Flags().IntVar(p, f.flag, 0, f.usage)
		case *int64:
			cmd.Flags().Var((*mebibytes)(p), f.flag, f.usage)
		case *bool:
			cmd.Flags().BoolVar(p, f.flag, false, f.usage)
		case *[]string:
			cmd.Flags().StringSliceVar(p, f.flag, nil, f.usage)
		case *map[string]string:
			cmd.Flags().StringToStringVar(p, f.flag, nil, f.usage)
		default:
			panic(fmt.Sprintf("the flag %s is for a %T", f.flag, p))
		}
	}
}

func (f ruleFlag) carry(from, to *api.PlatformRules) {
	reflect.ValueOf(f.field(to)).Elem().Set(reflect.ValueOf(f.field(from)).Elem())
}

// mebibytes is a flag in MiB for a number of bytes.
type mebibytes int64

func (m *mebibytes) String() string { return fmt.Sprint(int64(*m) >> 20) }
func (m *mebibytes) Type() string   { return "MiB" }
func (m *mebibytes) Set(text string) error {
	var n int64
	if _, err := fmt.Sscanf(text+"\n", "%d\n", &n); err != nil || n < 0 || n > 1<<40 {
		return fmt.Errorf("%q is not a whole number of MiB", text)
	}
	*m = mebibytes(n << 20)
	return nil
}

func (c *cli) printPlatform(p api.Platform, err error) error {
	if err != nil {
		return err
	}
	return c.print(p, facts("name", p.Name, "created", p.Created, "rotated", p.Rotated, "tenant", tenantText(p.PlatformRules),
		"services", servicesText(p.Services), "quota", quotaText(p.Quota), "quota of each tenant", quotaText(p.TenantQuota), "dialect", dialectText(p.Dialect)))
}

func tenantText(r api.PlatformRules) string {
	switch key := r.TenantKey; {
	case r.Tenant != "":
		return r.Tenant
	case len(r.TenantMap) > 0:
		return fmt.Sprintf("%d mapped by %s", len(r.TenantMap), cmp.Or(key, "context"))
	default:
		return fmt.Sprintf("%s<%s>", r.TenantPrefix, cmp.Or(key, "context"))
	}
}

func servicesText(services []string) string {
	if len(services) == 0 {
		return "all"
	}
	return strings.Join(services, " ")
}

func quotaText(q api.Quota) string {
	var parts []string
	if q.Instances > 0 {
		parts = append(parts, fmt.Sprintf("%d instances", q.Instances))
	}
	if q.VCPUs > 0 {
		parts = append(parts, fmt.Sprintf("%d vCPUs", q.VCPUs))
	}
	if q.MemoryBytes > 0 {
		parts = append(parts, bytesOf(q.MemoryBytes))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func dialectText(d api.Dialect) string {
	var parts []string
	if d.MissingVersionStatus != 0 {
		parts = append(parts, fmt.Sprintf("missing version %d", d.MissingVersionStatus))
	}
	for _, o := range []struct {
		set  bool
		name string
	}{{d.GoneAfterDelete, "gone after delete"}, {d.UnbindFirst, "unbind first"}, {d.WithoutSchemas, "without schemas"}} {
		if o.set {
			parts = append(parts, o.name)
		}
	}
	if len(parts) == 0 {
		return "standard"
	}
	return strings.Join(parts, ", ")
}
