package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A request for an instance, an update or a binding, as a platform and as a person
// at a shell put it.
type request struct {
	what       string // create, update or bind
	id         string // of the instance
	parameters string // the platform's, JSON
	flags      string // the person's
}

func ordered(id, parameters, flags string) request { return request{"create", id, parameters, flags} }

// with is the request with ids that no other test has.
func (r request) with(tenant string, named func(string) string) request {
	return request{r.what, tenant + "-" + r.id, named(r.parameters), named(r.flags)}
}

// way is a broker of its own, and one way to ask it. The answer is why a request was
// refused, empty when it was carried out.
type way struct {
	url     string
	admin   *api.Client
	service api.Service
	ask     func(t *testing.T, w *way, tenant string, r request) (refused string)
}

// put asks, or has the operator insert a service in all networks.
func (w *way) put(t *testing.T, tenant string, r request) (refused string) {
	t.Helper()
	if r.what != "insert" {
		return w.ask(t, w, tenant, r)
	}
	_, err := w.admin.InsertInstance(t.Context(), api.NewInsertion{Networks: []string{"lan"},
		NewInstance: api.NewInstance{ID: r.id, Tenant: tenant, Service: w.service.Name, Plan: "small"}})
	require.NoError(t, err)
	require.NoError(t, api.Wait(t.Context(), func(ctx context.Context) (api.Operation, error) { return w.admin.Operation(ctx, r.id) }, time.Millisecond, nil))
	return ""
}

// chain is whom the traffic of lan passes.
func (w *way) chain(t *testing.T, f topology.Fabric, tenant string) string {
	t.Helper()
	at := slices.IndexFunc(f.Networks, func(n topology.Network) bool { return n.Name == "lan" })
	if at < 0 {
		return ""
	}
	way, reached := topology.Path(f, f.Networks[at].ID)
	require.True(t, reached)
	var list []string
	for _, a := range way.Appliances() {
		list = append(list, strings.TrimPrefix(string(a), tenant+"-"))
	}
	return strings.Join(list, " ")
}

const wayPassword = "let me in please"

// newWay starts a broker that offers the firewall, in path and redirected, to tenants
// and for the provider.
func newWay(t *testing.T, ask func(*testing.T, *way, string, request) string) *way {
	t.Helper()
	c := standard()
	c.Server.Listen, c.Server.Data = "127.0.0.1:0", t.TempDir()
	c.Cloud.Driver, c.Cloud.BootTime = "sim", 0
	ctx, cancel := context.WithCancel(context.Background())
	r, err := start(ctx, c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() {
		cancel()
		require.NoError(t, r.Close())
	})
	accounts := map[string]string{"BUMPWIRE_ADMIN": "admin:" + wayPassword, "BUMPWIRE_PLATFORM": "cf:" + wayPassword}
	_, err = firstAccounts(ctx, r.accounts, func(name string) string { return accounts[name] })
	require.NoError(t, err)
	w := &way{url: r.URL(), ask: ask, admin: &api.Client{URL: r.URL(), User: "admin", Password: wayPassword}}
	var ova bytes.Buffer
	_, err = ovf.Build(ctx, filepath.Join("..", "..", "testdata", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(t, err)
	pushed, err := w.admin.Push(ctx, "example", &ova, -1, nil)
	require.NoError(t, err)
	w.service, err = w.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{Insertion: &catalog.Insertion{
		Modes: []string{"in-path", "redirect"}, ManagedBy: []string{"tenant", "provider"}}})
	require.NoError(t, err)
	return w
}

// tenant makes one who has the networks lan, dmz and wifi.
func (w *way) tenant(t *testing.T, name string) {
	t.Helper()
	for n, network := range []string{"lan", "dmz", "wifi"} {
		_, err := w.admin.CreateNetwork(t.Context(), name, api.Network{ID: network, CIDR: fmt.Sprintf("10.%d.0.0/24", n)})
		require.NoError(t, err)
	}
}

// byPlatform asks through the OSB API and polls until it is done.
func byPlatform(t *testing.T, w *way, tenant string, r request) string {
	t.Helper()
	path := "/v2/service_instances/" + r.id
	body := map[string]any{"service_id": w.service.ID, "parameters": json.RawMessage(r.parameters)}
	method := "PUT"
	switch r.what {
	case "create":
		body["plan_id"], body["organization_guid"], body["space_guid"] = w.small(), tenant, "s"
	case "update":
		method = "PATCH"
	case "bind":
		path += "/service_bindings/" + r.id + "-b"
		body["plan_id"] = w.small()
	}
	status, got := w.send(t, method, path+"?accepts_incomplete=true", body)
	if text, refused := got["description"].(string); refused {
		require.Equal(t, http.StatusBadRequest, status, text)
		return text
	}
	for status == http.StatusAccepted || got["state"] == "in progress" {
		status, got = w.send(t, "GET", path+"/last_operation", nil)
	}
	require.NotEqual(t, "failed", got["state"], "%v", got["description"])
	return ""
}

func (w *way) small() (id string) {
	for _, p := range w.service.Plans {
		if p.Name == "small" {
			id = string(p.ID)
		}
	}
	return id
}

func (w *way) send(t *testing.T, method, path string, body any) (status int, got map[string]any) {
	text, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequest(method, w.url+path, bytes.NewReader(text))
	require.NoError(t, err)
	req.SetBasicAuth("cf", wayPassword)
	req.Header.Set(api.HeaderVersion, api.Version)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, json.NewDecoder(res.Body).Decode(&got))
	return res.StatusCode, got
}

// byShell asks through the command line, which waits.
func byShell(t *testing.T, w *way, tenant string, r request) string {
	t.Helper()
	args := map[string]string{
		"create": "instance create example-firewall --plan small --tenant " + tenant + " --id " + r.id,
		"update": "instance update " + r.id,
		"bind":   "binding create " + r.id + " --id " + r.id + "-b",
	}[r.what]
	env := map[string]string{"BUMPWIRE_URL": w.url, "BUMPWIRE_USER": "admin", "BUMPWIRE_PASSWORD": wayPassword}
	var out, errs bytes.Buffer
	c := &cli{in: strings.NewReader(""), out: &out, errs: &errs, env: func(name string) string { return env[name] }}
	root := newRoot(c)
	root.SetArgs(append(strings.Fields(args+" "+r.flags), "--wait"))
	code := c.report(root.ExecuteContext(t.Context()))
	if code == 0 {
		return ""
	}
	require.Equal(t, fault.Exit(fault.Invalid), code, errs.String())
	line, _, _ := strings.Cut(errs.String(), "\n")
	return strings.TrimPrefix(line, "bumpwire: ")
}

// What is asked for comes out the same whoever asks: the same fabric, or the same
// refusal in the same words, 400 there and exit code 2 here.
func TestPlatformsAndPeopleAreServedAlike(t *testing.T) {
	t.Parallel()
	ways := []*way{newWay(t, byPlatform), newWay(t, byShell)}
	for _, w := range ways {
		_, err := w.admin.CreateNetwork(t.Context(), "rival", api.Network{ID: "vault", CIDR: "10.9.0.0/24"})
		require.NoError(t, err)
		require.Empty(t, w.put(t, "rival", ordered("theirs", `{"networks":["vault"]}`, "--network vault")))
	}
	lan := `; network "lan": hosts → ID-a → ID-b → gateway`
	both := []request{ordered("a", `{"networks":["lan"]}`, "--network lan"), ordered("b", `{"networks":["lan","dmz"]}`, "--network lan,dmz")}
	proxy := ordered("proxy", `{"networks":["lan"],"mode":"redirect","match":{"protocols":["tcp"],"ports":[80,443]}}`, "--network lan --mode redirect --match tcp,80,443")
	for name, c := range map[string]struct {
		before []request
		ask    request
		lan    string // the chain then
		says   string
	}{
		"in path":                 {both, ordered("x", `{"networks":["lan"]}`, "--network lan"), "a b x", ""},
		"in path of two networks": {nil, ordered("x", `{"networks":["lan","wifi"]}`, "--network lan --network wifi"), "x", ""},
		"redirected":              {both, ordered("x", `{"networks":["lan"],"mode":"redirect","match":{"direction":"outbound","ports":["8000-8010"],"remote":["203.0.113.0/24"]}}`, "--network lan --mode redirect --match outbound,8000-8010,with,203.0.113.0/24"), "a b", ""},
		"redirected from all":     {nil, ordered("x", `{"networks":["lan","dmz","wifi"],"mode":"redirect"}`, "--network lan,dmz,wifi --mode redirect"), "", ""},
		"nearest the hosts":       {both, ordered("x", `{"networks":["lan"],"nearest":"hosts"}`, "--network lan --nearest hosts"), "x a b", ""},
		"nearest the gateway":     {both, ordered("x", `{"networks":["lan"],"nearest":"gateway"}`, "--network lan --nearest gateway"), "a b x", ""},
		"before":                  {both, ordered("x", `{"networks":["lan"],"before":"ID-b"}`, "--network lan --before ID-b"), "a x b", ""},
		"after":                   {both, ordered("x", `{"networks":["lan"],"after":"ID-a"}`, "--network lan --after ID-a"), "a x b", ""},
		"between":                 {both, ordered("x", `{"networks":["lan"],"after":"ID-a","before":"ID-b"}`, "--network lan --after ID-a --before ID-b"), "a x b", ""},
		"before, near the hosts":  {both, ordered("x", `{"networks":["lan"],"nearest":"hosts","before":"ID-b"}`, "--network lan --nearest hosts --before ID-b"), "x a b", ""},
		"moved":                   {both, request{"update", "a", `{"after":"ID-b"}`, "--after ID-b"}, "b a", ""},
		"moved to the hosts":      {both, request{"update", "b", `{"nearest":"hosts"}`, "--nearest hosts"}, "b a", ""},
		"bound":                   {both, request{"bind", "a", `{"network":"dmz","before":"ID-b"}`, "--network dmz --before ID-b"}, "a b", ""},
		"changed to redirect":     {both, request{"update", "a", `{"mode":"redirect"}`, "--mode redirect"}, "b", ""},

		"another tenant's network":    {both, ordered("x", `{"networks":["vault"]}`, "--network vault"), "a b", `tenant "TENANT" has no network "vault"`},
		"no such network":             {both, ordered("x", `{"networks":["moon"]}`, "--network moon"), "a b", `tenant "TENANT" has no network "moon"`},
		"another tenant's instance":   {both, ordered("x", `{"networks":["lan"],"before":"theirs"}`, "--network lan --before theirs"), "a b", `tenant "TENANT" has no instance "theirs"` + lan},
		"no such instance":            {both, ordered("x", `{"networks":["lan"],"before":"moon"}`, "--network lan --before moon"), "a b", `tenant "TENANT" has no instance "moon"` + lan},
		"a contradiction":             {both, ordered("x", `{"networks":["lan"],"before":"ID-a","after":"ID-b"}`, "--network lan --before ID-a --after ID-b"), "a b", `no place is after "ID-b" and before "ID-a"` + lan},
		"beside one that is not here": {both, ordered("x", `{"networks":["wifi"],"after":"ID-b"}`, "--network wifi --after ID-b"), "a b", `nothing can be placed before or after "ID-b" there: it is not in the chain; network "wifi": hosts → gateway`},
		"beside itself":               {both, request{"update", "a", `{"before":"ID-a"}`, "--before ID-a"}, "a b", `instance "ID-a" cannot be placed before or after itself` + lan},
		"a binding beside itself":     {both, request{"bind", "a", `{"network":"dmz","before":"ID-a"}`, "--network dmz --before ID-a"}, "a b", `instance "ID-a" cannot be placed before or after itself; network "dmz": hosts → ID-b → gateway`},
		"beside one redirected to":    {append([]request{proxy}, both...), ordered("x", `{"networks":["lan"],"after":"ID-proxy"}`, "--network lan --after ID-proxy"), "a b", `nothing can be placed before or after "ID-proxy": flows are redirected to it, so it has no place in a chain` + lan},
		"flows that another has":      {append([]request{proxy}, both...), ordered("x", `{"networks":["lan"],"mode":"redirect","match":{"ports":[443]}}`, "--network lan --mode redirect --match 443"), "a b", `service "ID-x" cannot have the flows "port 443" of network "lan": service "ID-proxy" has "tcp port 80, 443" of it, and some flows are both`},
		"nowhere":                     {both, ordered("x", `{"before":"ID-a"}`, "--before ID-a"), "a b", `parameters: before and after are about networks, and none is named`},
		"an end that there is not":    {both, ordered("x", `{"networks":["lan"],"nearest":"moon"}`, "--network lan --nearest moon"), "a b", `parameters: "nearest" must be one of hosts, gateway`},
		"a network twice":             {both, request{"bind", "a", `{"network":"lan"}`, "--network lan"}, "a b", `network "lan" already passes through instance "ID-a"`},
		"behind the provider's":       {append([]request{{what: "insert", id: "guard"}}, both...), ordered("x", `{"networks":["lan"],"after":"ID-guard"}`, "--network lan --after ID-guard"), "a b guard", `nothing of a tenant's is placed after "ID-guard": the provider manages it, and its services are nearest the gateway; network "lan": hosts → ID-a → ID-b → ID-guard → gateway`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := "t" + rand.Text()[:6]
			named := strings.NewReplacer("ID-", tenant+"-", "TENANT", tenant).Replace
			var after []topology.Fabric
			for _, w := range ways {
				w.tenant(t, tenant)
				for _, r := range c.before {
					require.Empty(t, w.put(t, tenant, r.with(tenant, named)))
				}
				require.Equal(t, named(c.says), w.put(t, tenant, c.ask.with(tenant, named)))
				f, err := w.admin.Topology(t.Context(), tenant)
				require.NoError(t, err)
				require.Empty(t, topology.Check(f.Fabric))
				require.Equal(t, c.lan, w.chain(t, f.Fabric, tenant))
				after = append(after, f.Fabric)
			}
			require.Equal(t, after[0], after[1])
		})
	}
}
