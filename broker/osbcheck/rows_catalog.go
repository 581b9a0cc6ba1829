package osbcheck

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const catalogSection = "Catalog Management"

// catalogRows are GET /v2/catalog; what Cloud Foundry refuses beyond the standard
// has the strength Field.
func catalogRows() []Row {
	return []Row{
		{"C1", "the catalog is 200 with a list of services", catalogSection, 13, Must, nil, catalogAnswer},
		{"C2", "a service has name, id, description, bindable and plans", catalogSection, 13, Must, nil, eachService(serviceFields)},
		{"C3", "services' names and ids are unique", catalogSection, 13, Must, nil, serviceUnique},
		{"C4", "a plan has id, name and description", "Service Plan Object", 13, Must, nil, eachPlan(planFields)},
		{"C5", "plans' ids are unique in the catalog, their names in the service", "Service Plan Object", 13, Must, nil, planUnique},
		{"C6", "flags are booleans, tags and requires lists of texts", catalogSection, 13, Must, nil, catalogTypes},
		{"C7", "requires names only permissions that there are", catalogSection, 13, Must, nil, eachService(serviceRequires)},
		{"C8", "a dashboard client has id, secret and redirect_uri", "profile.md, Dashboard Client", 13, Must, nil, eachService(dashboardClient)},
		{"C9", "schemas have $schema, refer to nothing outside and have at most 64 kB", "Schemas Object", 13, Must, nil, eachPlan(planSchemas)},
		{"C10", "schemas are of draft-04, which every platform reads", "Schemas Object", 13, Field, nil, eachPlan(planDrafts)},
		{"C11", "maximum_polling_duration is a whole number of seconds", "Service Plan Object", 15, Must, nil, eachPlan(planPolling)},
		{"C12", "maintenance_info has a semantic version, and no other keys than version and description", "Maintenance Info Object", 15, Must, nil, eachPlan(planMaintenance)},
		{"C13", "metadata is an object, its conventional keys have their types", "profile.md, Service Metadata", 13, Should, nil, catalogMetadata},
		{"C14", "names are fit for a command line", catalogSection, 13, Should, nil, catalogNames},
		{"C15", "texts are no longer than platforms keep: names and ids 255, descriptions 10,000, tags 2,048", "Service Offering Object", 13, Field, nil, catalogLengths},
		{"C16", "plan_updateable and binding_rotatable say what the plan can do", "Service Plan Object", 17, Must, nil, catalogFlags},
	}
}

// catalog is the answer and its services; a row about them ends without any.
func (t *trial) catalog() (reply, []object) {
	r := t.send(catalogWith("Accept", "application/json"))
	services := objects(r.body["services"])
	if r.Status != 200 || len(services) == 0 {
		t.block("the catalog has no services to look at")
	}
	return r, services
}

// brief is the exchange without its long answer: findings quote what they are about.
func brief(r reply) reply {
	r.Answer = ""
	return r
}

func eachService(look func(*trial, reply, object)) func(*trial) {
	return func(t *trial) {
		r, services := t.catalog()
		for _, s := range services {
			look(t, brief(r), s)
		}
	}
}

func eachPlan(look func(*trial, reply, object)) func(*trial) {
	return eachService(func(t *trial, r reply, s object) {
		for _, p := range objects(s["plans"]) {
			look(t, r, p)
		}
	})
}

func catalogAnswer(t *trial) {
	r := t.send(catalogWith("Accept", "application/json"))
	t.want(r, 200)
	list, ok := r.body["services"].([]any)
	t.that(ok, r, "services to be a list")
	t.that(len(objects(list)) == len(list), brief(r), "every service to be an object")
	t.better(len(list) > 0, r, "at least one service: Cloud Foundry refuses an empty catalog")
}

// filled expects fields to be texts that are not empty.
func (t *trial) filled(r reply, what string, o object, keys ...string) {
	for _, key := range keys {
		s, ok := o[key].(string)
		t.that(ok && s != "", r, "%s: %s to be a text that is not empty, not %v", what, key, o[key])
	}
}

func called(noun string, o object) string {
	return fmt.Sprintf("%s %.100q", noun, fmt.Sprint(o["name"]))
}

func serviceFields(t *trial, r reply, s object) {
	what := called("service", s)
	t.filled(r, what, s, "name", "id", "description")
	_, ok := s["bindable"].(bool)
	t.that(ok, r, "%s: bindable to be there, true or false", what)
	list, _ := s["plans"].([]any)
	t.that(len(list) > 0 && len(objects(list)) == len(list), r, "%s: at least one plan, each an object", what)
}

func serviceUnique(t *trial) {
	r, services := t.catalog()
	for _, key := range []string{"name", "id"} {
		t.unique(brief(r), "services", key, services)
	}
}

func (t *trial) unique(r reply, nouns, key string, list []object) {
	seen := map[any]bool{}
	for _, o := range list {
		id := fmt.Sprint(o[key])
		t.that(!seen[id], r, "no two %s with the %s %q", nouns, key, id)
		seen[id] = true
	}
}

func planFields(t *trial, r reply, p object) {
	t.filled(r, called("plan", p), p, "name", "id", "description")
}

func planUnique(t *trial) {
	r, services := t.catalog()
	var all []object
	for _, s := range services {
		plans := objects(s["plans"])
		t.unique(brief(r), called("plans of service", s), "name", plans)
		all = append(all, plans...)
	}
	t.unique(brief(r), "plans", "id", all)
}

// absentOr expects a field, if it is there, to be fit.
func (t *trial) absentOr(r reply, what string, o object, key, of string, fit func(any) bool) {
	if v, there := o[key]; there {
		t.that(fit(v), r, "%s: %s to be %s, not %.100v", what, key, of, v)
	}
}

func isBool(v any) bool   { _, ok := v.(bool); return ok }
func isText(v any) bool   { _, ok := v.(string); return ok }
func isObject(v any) bool { _, ok := v.(object); return ok }
func areTexts(v any) bool {
	list, ok := v.([]any)
	return ok && !slices.ContainsFunc(list, func(one any) bool { return !isText(one) })
}

func catalogTypes(t *trial) {
	r, services := t.catalog()
	for _, s := range services {
		what := called("service", s)
		for _, key := range []string{"bindable", "plan_updateable", "instances_retrievable", "bindings_retrievable", "allow_context_updates"} {
			t.absentOr(brief(r), what, s, key, "true or false", isBool)
		}
		for _, key := range []string{"tags", "requires"} {
			t.absentOr(brief(r), what, s, key, "a list of texts", areTexts)
		}
		for _, p := range objects(s["plans"]) {
			for _, key := range []string{"free", "bindable", "plan_updateable", "binding_rotatable"} {
				t.absentOr(brief(r), called("plan", p), p, key, "true or false", isBool)
			}
		}
	}
}

var permissions = []any{"syslog_drain", "route_forwarding", "volume_mount"}

func serviceRequires(t *trial, r reply, s object) {
	list, _ := s["requires"].([]any)
	for _, one := range list {
		t.that(slices.Contains(permissions, one), r, "%s: requires to hold only %v, not %v", called("service", s), permissions, one)
	}
}

func dashboardClient(t *trial, r reply, s object) {
	if client, there := s["dashboard_client"]; there && client != nil {
		t.that(isObject(client), r, "%s: dashboard_client to be an object", called("service", s))
		o, _ := client.(object)
		t.filled(r, called("dashboard_client of service", s), o, "id", "secret", "redirect_uri")
	}
}

// schemasOf are a plan's schemas by where they stand.
func schemasOf(p object) map[string]any {
	all := map[string]any{}
	schemas, _ := p["schemas"].(object)
	for _, place := range [][2]string{{"service_instance", "create"}, {"service_instance", "update"}, {"service_binding", "create"}} {
		if s := (offer{plan: object{"schemas": schemas}}).schema(place[0], place[1]); s != nil {
			all[place[0]+"."+place[1]] = s
		}
	}
	return all
}

const maxSchema = 64 << 10 // bytes (spec.md, "Schemas Object")

func planSchemas(t *trial, r reply, p object) {
	for place, s := range schemasOf(p) {
		what := called("plan", p) + ": schema " + place
		o, ok := s.(object)
		if !t.that(ok, r, "%s to be an object", what) {
			continue
		}
		t.that(isText(o["$schema"]), r, "%s to have $schema", what)
		text, _ := json.Marshal(s)
		t.that(len(text) <= maxSchema, r, "%s to have at most %d bytes, not %d", what, maxSchema, len(text))
		_, err := compile(s)
		t.that(err == nil, r, "%s to be a schema: %v", what, err)
	}
}

func planDrafts(t *trial, r reply, p object) {
	for place, s := range schemasOf(p) {
		o, _ := s.(object)
		t.that(commonDraft(o["$schema"]), r, "%s: schema %s of %s, not %v", called("plan", p), place, drafts[0], o["$schema"])
	}
}

func planPolling(t *trial, r reply, p object) {
	t.absentOr(r, called("plan", p), p, "maximum_polling_duration", "a whole number of seconds", func(v any) bool {
		n, ok := v.(float64)
		return ok && n > 0 && n == float64(int64(n))
	})
}

// semver is version 2 of semver.org.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

func planMaintenance(t *trial, r reply, p object) {
	v, there := p["maintenance_info"]
	if !there {
		return
	}
	what := called("plan", p)
	m, ok := v.(object)
	if !t.that(ok, r, "%s: maintenance_info to be an object", what) {
		return
	}
	version, _ := m["version"].(string)
	t.that(semver.MatchString(version), r, "%s: maintenance_info.version to be a semantic version, not %.100q", what, version)
	for key := range m {
		if key != "version" && key != "description" {
			t.miss(Field, r, "%s: maintenance_info without %q: Cloud Foundry refuses other keys", what, key)
		}
	}
	if text, _ := json.Marshal(m); len(text) > 2000 {
		t.miss(Field, r, "%s: maintenance_info of at most 2,000 characters: Cloud Foundry refuses more", what)
	}
}

func catalogMetadata(t *trial) {
	r, services := t.catalog()
	r = brief(r)
	for _, s := range services {
		t.metadata(r, called("service", s), s, "displayName", "imageUrl", "longDescription", "providerDisplayName", "documentationUrl", "supportUrl")
		m, _ := s["metadata"].(object)
		t.absentOr(r, called("metadata of service", s), m, "shareable", "true or false", isBool)
		for _, p := range objects(s["plans"]) {
			t.metadata(r, called("plan", p), p, "displayName")
			m, _ := p["metadata"].(object)
			t.absentOr(r, called("metadata of plan", p), m, "bullets", "a list of texts", areTexts)
			t.absentOr(r, called("metadata of plan", p), m, "costs", "a list of objects with amount and unit", areCosts)
		}
	}
}

func (t *trial) metadata(r reply, what string, o object, texts ...string) {
	v, there := o["metadata"]
	if !there || !t.that(isObject(v), r, "%s: metadata to be an object", what) {
		return
	}
	for _, key := range texts {
		t.absentOr(r, what, v.(object), key, "a text", isText)
	}
}

// areCosts: amounts are numbers by currency.
func areCosts(v any) bool {
	list, ok := v.([]any)
	for _, one := range list {
		cost, _ := one.(object)
		amount, _ := cost["amount"].(object)
		if len(amount) == 0 || !isText(cost["unit"]) {
			return false
		}
		for _, n := range amount {
			if _, number := n.(float64); !number {
				return false
			}
		}
	}
	return ok
}

var cliName = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)

func catalogNames(t *trial) {
	r, services := t.catalog()
	for _, s := range services {
		for _, o := range append(objects(s["plans"]), s) {
			name, _ := o["name"].(string)
			t.that(cliName.MatchString(name), brief(r), "%q to be letters, digits, dots and hyphens", name)
		}
	}
}

func catalogLengths(t *trial) {
	r, services := t.catalog()
	for _, s := range services {
		var tags []string
		list, _ := s["tags"].([]any)
		for _, tag := range list {
			tags = append(tags, fmt.Sprint(tag))
		}
		t.short(brief(r), called("service", s)+": tags", strings.Join(tags, ","), 2048)
		for _, o := range append(objects(s["plans"]), s) {
			for key, most := range map[string]int{"name": 255, "id": 255, "description": 10_000} {
				text, _ := o[key].(string)
				t.short(brief(r), called("service or plan", o)+": "+key, text, most)
			}
		}
	}
}

func (t *trial) short(r reply, what, text string, most int) {
	n := utf8.RuneCountInString(text)
	t.that(n <= most, r, "%s of at most %d characters, not %d", what, most, n)
}

// catalogFlags: a plan that can be rotated must be bindable, and neither flag may be
// spelled in a way that platforms do not read.
func catalogFlags(t *trial) {
	r, services := t.catalog()
	for _, s := range services {
		for _, o := range append(objects(s["plans"]), s) {
			_, corrected := o["plan_updatable"]
			t.that(!corrected, brief(r), "%s: plan_updateable in the standard's spelling", called("service or plan", o))
		}
		for _, p := range objects(s["plans"]) {
			f := offer{service: s, plan: p}
			t.that(!f.flag("binding_rotatable", false) || f.flag("bindable", false), brief(r), "%s: binding_rotatable only where bindable", called("plan", p))
		}
	}
}
