package openstack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn/ovntest"
)

// thing is a resource of a service, as its JSON has it.
type thing map[string]any

func (t thing) text(key string) string { s, _ := t[key].(string); return s }

// fake is an OpenStack in memory: Keystone, Neutron and Nova with the rules that
// matter to a driver that moves routers' ports about.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	things  map[string]map[string]thing // by collection, by id
	seq     map[string]int              // when each was made
	calls   []string                    // method and path of each that changes something
	fault   func(method, path string) int
	refused func(method, path string) *refusal // what a service refuses in its own words
	token   int

	regions []string          // of the catalog's services
	at      map[string]string // where a region's are, when not here
	catalog map[string]string // paths of services by type
	account thing             // what tokens say beside the project
	fixed   map[string]any    // answers by path, over all else; a number is a status

	fleeting bool             // every call comes with a token that has expired
	expired  map[string][]int // tokens by calls that were refused for them
	signedIn []thing          // who asked for tokens
	denied   string           // what Keystone says, with 404, to everything

	limits  map[string]thing // absolute ones of compute and volume, and network's details
	plain   bool             // the account is no administrator of Nova
	spoil   bool             // images are kept otherwise than they were sent
	uploads int
	passed  map[string]uint64 // frames that a server's port has received, and as many sent
	north   *ovntest.Database // written as ML2/OVN does; nil with ML2/Open vSwitch
}

func newFake(t testing.TB) *fake {
	f := &fake{things: map[string]map[string]thing{}, seq: map[string]int{}, fixed: map[string]any{}, passed: map[string]uint64{}, expired: map[string][]int{}, regions: []string{"one"}, account: thing{"methods": []string{"password"}},
		catalog: map[string]string{"identity": "/v3", "network": "", "compute": "/compute/v2.1", "image": "/image", "block-storage": "/volume/v3"}}
	f.limits = map[string]thing{
		"compute": {"maxTotalInstances": -1, "maxTotalCores": -1, "maxTotalRAMSize": -1, "maxServerGroups": -1},
		"volume":  {"maxTotalVolumes": -1, "maxTotalVolumeGigabytes": -1},
		"network": {},
	}
	for _, name := range []string{"network", "subnet", "port", "floatingip", "router"} {
		f.limits["network"][name] = thing{"limit": -1, "used": 0, "reserved": 0}
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.put("projects", thing{"name": "service", "domain_id": "default"})
	return f
}

func (f *fake) put(collection string, t thing) thing {
	if t["id"] == nil {
		t["id"] = strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	if f.things[collection] == nil {
		f.things[collection] = map[string]thing{}
	}
	f.things[collection][t.text("id")] = t
	f.seq[t.text("id")] = len(f.seq)
	return t
}

// list is a collection in the order of making.
func (f *fake) list(collection string) (list []thing) {
	for _, t := range f.things[collection] {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b thing) int { return f.seq[a.text("id")] - f.seq[b.text("id")] })
	return list
}

// refusal is an error of a service.
type refusal struct {
	status int
	kind   string
	text   string
}

func refuse(status int, kind, format string, args ...any) *refusal {
	return &refusal{status, kind, fmt.Sprintf(format, args...)}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := strings.Trim(r.URL.Path, "/")
	if reply, ok := f.fixed[path]; ok {
		if status, ok := reply.(int); ok {
			answer(w, status, thing{"error": thing{"message": "made to fail"}})
		} else {
			answer(w, http.StatusOK, reply)
		}
		return
	}
	versions := map[string]string{"": "v2.0", "v3": "v3.14", "compute/v2.1": "v2.1", "image": "v2.15", "volume/v3": "v3.59"}
	if id, ok := versions[path]; ok {
		answer(w, http.StatusOK, thing{"versions": []thing{{"id": id, "status": "CURRENT", "links": []thing{{"rel": "self", "href": f.URL + r.URL.Path}}}}})
		return
	}
	if strings.HasSuffix(r.URL.Path, "/") || strings.Contains(path, "//") { // a thing without an id
		answer(w, http.StatusNotFound, thing{"message": "no such resource"})
		return
	}
	if path == "v3/auth/tokens" {
		f.signIn(w, r)
		return
	}
	if r.Method != http.MethodGet {
		f.calls = append(f.calls, r.Method+" "+path)
	}
	if token := r.Header.Get("X-Auth-Token"); !f.fleeting && token != f.name() || f.fleeting && !f.renewed(r.Method+" "+r.URL.String(), token) {
		answer(w, http.StatusUnauthorized, thing{"error": thing{"message": "who are you?"}})
		return
	}
	if f.denied != "" && strings.HasPrefix(path, "v3/") {
		answer(w, http.StatusNotFound, thing{"error": thing{"code": 404, "message": f.denied}})
		return
	}
	lost := 0
	if f.fault != nil {
		if lost = f.fault(r.Method, path); lost > 0 {
			answer(w, lost, thing{"NeutronError": thing{"message": "made to fail"}})
			return
		}
	}
	var body thing
	if r.ContentLength != 0 && r.Header.Get("Content-Type") != "application/octet-stream" && r.Method != http.MethodPatch {
		_ = json.NewDecoder(r.Body).Decode(&body)
	}
	if f.refused != nil {
		if no := f.refused(r.Method, path); no != nil {
			answer(w, no.status, thing{"NeutronError": thing{"type": no.kind, "message": no.text}})
			return
		}
	}
	status, out, err := f.route(r, strings.Split(path, "/"), body)
	switch {
	case err != nil:
		answer(w, err.status, thing{"NeutronError": thing{"type": err.kind, "message": err.text}})
	case lost < 0: // it has happened, and nobody hears of it
		panic(http.ErrAbortHandler)
	default:
		answer(w, status, out)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if body != nil && status != http.StatusNoContent {
		_ = json.NewEncoder(w).Encode(body)
	}
}

func (f *fake) name() string { return fmt.Sprintf("token-%d", f.token) }

// renewed says whether a call comes again, with a newer token than one that it was
// refused for.
func (f *fake) renewed(call, token string) bool {
	var n int
	if _, err := fmt.Sscanf(token, "token-%d", &n); err != nil {
		return false
	}
	if i := slices.IndexFunc(f.expired[call], func(old int) bool { return old < n }); i >= 0 {
		f.expired[call] = slices.Delete(f.expired[call], i, i+1)
		return true
	}
	f.expired[call] = append(f.expired[call], n)
	return false
}

// signIn gives a token, or says what one is.
func (f *fake) signIn(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if r.Method == http.MethodPost {
		f.token++
		status = http.StatusCreated
		var body thing
		_ = json.NewDecoder(r.Body).Decode(&body)
		f.signedIn = append(f.signedIn, body)
	}
	var catalog []thing
	for kind, path := range f.catalog {
		var endpoints []thing
		for _, region := range f.regions {
			endpoints = append(endpoints, thing{"id": kind, "interface": "public", "region": region, "region_id": region, "url": cmp.Or(f.at[region], f.URL) + path})
		}
		catalog = append(catalog, thing{"type": kind, "name": kind, "id": kind, "endpoints": endpoints})
	}
	own := f.list("projects")[0]
	token := thing{"expires_at": "2099-01-01T00:00:00.000000Z", "catalog": catalog,
		"project": thing{"id": own["id"], "name": own["name"], "domain": thing{"id": "default", "name": "Default"}}}
	maps.Copy(token, f.account)
	w.Header().Set("X-Subject-Token", f.name())
	answer(w, status, thing{"token": token})
}

// route finds what a path means.
func (f *fake) route(r *http.Request, path []string, body thing) (int, any, *refusal) {
	switch path[0] {
	case "compute":
		return f.nova(r, path[2:], body)
	case "image":
		return f.glance(r, path[2:], body)
	case "volume":
		return f.cinder(r, path[2:], body)
	}
	if slices.Contains([]string{"sfc", "fwaas", "vpn"}, path[1]) {
		path = path[1:]
	}
	collection := path[1]
	if collection == "quotas" {
		return http.StatusOK, thing{"quota": f.limits["network"]}, nil
	}
	plural := strings.ReplaceAll(collection, "-", "_")
	singular := strings.TrimSuffix(plural, "s")
	switch {
	case len(path) == 2 && r.Method == http.MethodGet:
		return http.StatusOK, thing{plural: f.filtered(collection, r)}, nil
	case len(path) == 2:
		t := thing(body[singular].(map[string]any))
		if t["project_id"] == nil && collection != "projects" {
			t["project_id"] = f.list("projects")[0]["id"]
		}
		if collection == "projects" && t["domain_id"] == nil {
			t["domain_id"] = "default"
		}
		if err := f.make(collection, t); err != nil {
			return 0, nil, err
		}
		f.put(collection, t)
		f.written(collection, t)
		return http.StatusCreated, thing{singular: t}, nil
	}
	t, ok := f.things[collection][path[2]]
	if !ok {
		return 0, nil, refuse(http.StatusNotFound, "NotFound", "%s %s could not be found", singular, path[2])
	}
	switch {
	case len(path) == 4 && path[3] == "tags":
		t["tags"] = body["tags"]
		return http.StatusOK, thing{"tags": t["tags"]}, nil
	case len(path) == 4:
		return f.routerCall(t, path[3], body)
	case r.Method == http.MethodDelete:
		if err := f.remove(collection, t); err != nil {
			return 0, nil, err
		}
		delete(f.things[collection], path[2])
		f.erased(collection, t)
		return http.StatusNoContent, nil, nil
	case r.Method == http.MethodPut:
		if err := f.change(collection, t, body[singular].(map[string]any)); err != nil {
			return 0, nil, err
		}
		for k, v := range body[singular].(map[string]any) {
			t[k] = v
		}
		if _, ok := body[singular].(map[string]any)["extra_dhcp_opts"]; ok {
			delete(t, "extra_dhcp_opts") // each without a value
		}
	}
	return http.StatusOK, thing{singular: t}, nil
}

// filtered is a list as the query wants it: any of a key's values, all of the tags.
func (f *fake) filtered(collection string, r *http.Request) []thing {
	list := []thing{}
	for _, t := range f.list(collection) {
		fits := true
		for key, values := range r.URL.Query() {
			if key == "limit" {
				continue
			}
			if key == "fixed_ips" {
				a := netip.MustParseAddr(strings.TrimPrefix(values[0], "ip_address="))
				fits = fits && slices.Contains(addresses(t), a)
				continue
			}
			if key == "tags" {
				for _, tag := range strings.Split(values[0], ",") {
					fits = fits && slices.Contains(texts(t["tags"]), tag)
				}
				continue
			}
			fits = fits && slices.Contains(values, fmt.Sprint(t[key]))
		}
		if fits {
			list = append(list, t)
		}
	}
	return list
}

func texts(v any) (list []string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			list = append(list, fmt.Sprint(x))
		}
	case []string:
		return v
	}
	return list
}

// addresses of a port.
func addresses(p thing) (list []netip.Addr) {
	ips, _ := p["fixed_ips"].([]any)
	for _, ip := range ips {
		if a, err := netip.ParseAddr(fmt.Sprint(ip.(map[string]any)["ip_address"])); err == nil {
			list = append(list, a)
		}
	}
	return list
}
