package openstack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// How much of the matrix is tried: all of it takes most of an hour.
var (
	weathers    = flag.Int("weathers", 120, "how many of the calls that may fail, times the ways in which they may, are tried; 0: all")
	weatherSeed = flag.Uint64("weather-seed", 1, "which ones")
)

// A weather is what happens to one call.
type weather struct {
	name   string
	status int  // what is answered; 0: nothing is
	done   bool // the call has its effect all the same
	err    error
	token  bool // the token expires, and nothing else
}

// lateness is what a client says of an answer that does not come in time.
type lateness struct{}

func (lateness) Error() string   { return "net/http: timeout awaiting response headers" }
func (lateness) Timeout() bool   { return true }
func (lateness) Temporary() bool { return true }

var allWeathers = []weather{
	{name: "401 expired token", token: true},
	{name: "403", status: 403}, {name: "404", status: 404}, {name: "409", status: 409},
	{name: "413", status: 413}, {name: "429", status: 429}, {name: "500", status: 500}, {name: "503", status: 503},
	{name: "500, and done", status: 500, done: true},
	{name: "time-out", err: lateness{}}, {name: "time-out, and done", err: lateness{}, done: true},
	{name: "answer lost", err: io.ErrUnexpectedEOF, done: true},
}

// asksToWait is the Retry-After of those that are asked too often.
const asksToWait = 7 * time.Second

// A call is one of a run's: the nth of its shape.
type call struct {
	shape string
	nth   int
}

// A storm is a way to the cloud on which one call meets a weather.
type storm struct {
	http.RoundTripper
	f *fake // whose tokens expire

	mu     sync.Mutex
	seen   map[string]int
	calls  []call // all that were made
	at     call
	bad    weather
	struck bool
}

// brew puts a storm before a driver's cloud.
func brew(d *Driver, at call, bad weather) *storm {
	w := &storm{RoundTripper: d.provider.HTTPClient.Transport, seen: map[string]int{}, at: at, bad: bad}
	d.provider.HTTPClient.Transport = w
	return w
}

var anyID = regexp.MustCompile(`[0-9a-f]{32}|[0-9a-f-]{36}|bumpwire\.[^/]*`)

// shape is a call without the ids in it.
func shape(r *http.Request) string {
	keys := slices.Sorted(maps.Keys(r.URL.Query()))
	return strings.TrimSuffix(fmt.Sprintf("%s %s?%s", r.Method, anyID.ReplaceAllString(r.URL.Path, "ID"), strings.Join(keys, "&")), "?")
}

func (w *storm) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	now := call{shape(r), w.seen[shape(r)]}
	w.seen[now.shape]++
	w.calls = append(w.calls, now)
	strikes := now == w.at && !w.struck
	w.struck = w.struck || strikes
	w.mu.Unlock()
	if !strikes {
		return w.RoundTripper.RoundTrip(r)
	}
	return w.strike(r)
}

func (w *storm) strike(r *http.Request) (*http.Response, error) {
	switch {
	case w.bad.token:
		w.f.mu.Lock()
		w.f.token += 7
		w.f.mu.Unlock()
		return w.RoundTripper.RoundTrip(r)
	case w.bad.done:
		answer, err := w.RoundTripper.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	case r.Body != nil:
		r.Body.Close()
	}
	if w.bad.err != nil {
		return nil, w.bad.err
	}
	answer := &http.Response{StatusCode: w.bad.status, Status: fmt.Sprint(w.bad.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader([]byte(`{"weather": {"message": "the secret of 10.0.0.7"}}`)))}
	if w.bad.status == 413 || w.bad.status == 429 {
		answer.Header.Set("Retry-After", fmt.Sprint(int(asksToWait.Seconds())))
	}
	return answer, nil
}

// A worker carries out changes as the broker does: an error that passes is tried
// again, after another one the steps are undone, and undoing does not give up.
type worker struct {
	*site
	through  *Steady
	machine  cloud.Server
	failures []error // all that were met
}

func newWorker(t *testing.T) *worker {
	s := newStock(t)
	s.reachable()
	a := &worker{site: s, through: &Steady{s.d, cloud.Steady{Cloud: watching{s.d}, Every: time.Millisecond, Patience: 20 * time.Millisecond}}, machine: machine()}
	a.machine.Group = cloud.Group{ID: "pair", Policy: cloud.Apart}
	return a
}

func (a *worker) step(ctx context.Context, s topology.Step) error {
	if s.Verb == topology.Boot {
		return a.through.Boot(ctx, a.tenant, *s.Appliance, a.machine)
	}
	return a.through.Do(ctx, a.tenant, s)
}

// insist does a step until it is done or has failed for good.
func (a *worker) insist(s topology.Step, always bool) (err error) {
	for range 10 {
		if err = a.step(a.t.Context(), s); err == nil {
			return nil
		}
		var notYet *cloud.NotYet
		if errors.As(err, &notYet) {
			continue
		}
		a.failures = append(a.failures, err)
		if !always && !fault.Passing(err) {
			return err
		}
	}
	return err
}

// change makes the tenant's fabric one with the services, or leaves it as it was.
func (a *worker) change(services ...topology.Service) bool {
	a.t.Helper()
	steps, err := a.compute(services...)
	if err != nil {
		a.failures = append(a.failures, err)
		return false
	}
	for n, s := range steps {
		if a.insist(s, false) == nil {
			continue
		}
		for ; n >= 0; n-- {
			if back, ok := steps[n].Inverse(); ok {
				require.NoError(a.t, a.insist(back, true), "undo %s", steps[n])
			}
		}
		return false
	}
	return true
}

func (a *worker) compute(services ...topology.Service) ([]topology.Step, error) {
	have, err := a.through.Observe(a.t.Context(), a.tenant)
	if fault.Passing(err) {
		a.failures = append(a.failures, err)
		have, err = a.through.Observe(a.t.Context(), a.tenant)
	}
	if err != nil {
		return nil, err
	}
	want, err := topology.Compose(topology.Base(have), services)
	if err != nil {
		return nil, err
	}
	return topology.Plan(have, want)
}

// whole is what the cloud has, to one who may see all of it, but for the ids of the
// router's ports, which Neutron makes anew.
func (a *worker) whole() []string {
	a.t.Helper()
	a.fake.mu.Lock()
	defer a.fake.mu.Unlock()
	var list []string
	for _, c := range slices.Sorted(maps.Keys(a.fake.things)) {
		for _, o := range a.fake.list(c) {
			copied := maps.Clone(o)
			if o.text("device_owner") == "network:router_interface" {
				delete(copied, "id")
			}
			if routes, ok := o["routes"].([]any); ok {
				copied["routes"] = slices.SortedFunc(slices.Values(routes), func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			text, err := json.MarshalIndent(copied, "", " ")
			require.NoError(a.t, err)
			list = append(list, c+" "+string(text))
		}
	}
	slices.Sort(list)
	return list
}

// seasons are what is asked for, one after the other: a service with disks and
// placement, another one before it, one without the other, none.
func (a *worker) seasons() [][]topology.Service {
	return [][]topology.Service{{a.fw}, {a.wo, a.fw}, {a.wo}, {}}
}

// Every call of insertions and removals meets every weather. The work is finished, or
// undone with nothing left behind, and what failed is done when it is asked for again.
func TestEveryCallInEveryWeather(t *testing.T) {
	t.Parallel()
	fine := newWorker(t)
	w := brew(fine.d, call{}, weather{})
	for _, services := range fine.seasons() {
		require.True(t, fine.change(services...))
	}
	require.Empty(t, fine.failures)
	type trial struct {
		at  call
		bad weather
	}
	var trials, always []trial
	for _, at := range w.calls {
		for _, bad := range allWeathers {
			if strings.HasPrefix(at.shape, "DELETE ") && bad.status == http.StatusNotFound { // nothing but the thing itself tells whether it has gone
				always = append(always, trial{at, bad})
			} else {
				trials = append(trials, trial{at, bad})
			}
		}
	}
	total := len(trials) + len(always)
	if *weathers > 0 && *weathers < len(trials) {
		r := rand.New(rand.NewPCG(*weatherSeed, 0))
		r.Shuffle(len(trials), func(i, j int) { trials[i], trials[j] = trials[j], trials[i] })
		trials = trials[:*weathers]
	}
	trials = append(trials, always...)
	t.Logf("%d calls in %d weathers: %d of %d are tried, -weather-seed %d", len(w.calls), len(allWeathers), len(trials), total, *weatherSeed)
	for _, x := range trials {
		t.Run(fmt.Sprintf("%s/%d/%s", strings.ReplaceAll(x.at.shape, "/", "_"), x.at.nth, x.bad.name), func(t *testing.T) {
			t.Parallel()
			newWorker(t).weathers(x.at, x.bad)
		})
	}
}

// weathers goes through the seasons while one call meets a weather.
func (a *worker) weathers(at call, bad weather) {
	before := a.whole()
	w := brew(a.d, at, bad)
	w.f = a.fake
	var had []topology.Service
	for _, services := range a.seasons() {
		if !a.change(services...) {
			a.is(had...)
			if had == nil {
				require.Equal(a.t, before, a.whole(), "an insertion that is undone leaves nothing")
			}
			a.d.depot.promised = nil // another broker does it
			require.True(a.t, a.change(services...), "the weather is fine again: %v", a.failures)
		}
		a.is(services...)
		had = services
	}
	require.True(a.t, w.struck, "the call was made")
	if strings.HasPrefix(at.shape, "DELETE /image") && bad.status == http.StatusConflict {
		require.True(a.t, a.change(a.fw)) // in use, Glance said: it goes with the next appliance's
		require.True(a.t, a.change())
	}
	require.Equal(a.t, before, a.whole(), "it is as if nothing had been")
	a.understood(at, bad)
}

// is checks that the tenant's fabric is one with the services.
func (a *worker) is(services ...topology.Service) {
	a.t.Helper()
	steps, err := a.compute(services...)
	if err != nil { // the weather has reached this look
		steps, err = a.compute(services...)
	}
	require.NoError(a.t, err)
	require.Empty(a.t, steps)
}

// understood checks what was said of a weather.
func (a *worker) understood(at call, bad weather) {
	if bad.token && !strings.HasSuffix(at.shape, "/file") { // an upload begins anew
		require.Empty(a.t, a.failures, "a token that expired is nobody's business")
	}
	for _, err := range a.failures {
		text := fault.Message(err)
		require.NotContains(a.t, text, "10.0.0.7")
		require.NotContains(a.t, text, "{")
		switch {
		case bad.status == 413 || bad.status == 429:
			require.Equal(a.t, fault.TooMany, fault.KindOf(err), "%v", err)
			require.Equal(a.t, asksToWait, fault.After(err), "%v", err)
		case bad.status >= 500 || bad.err != nil:
			require.Equal(a.t, fault.Unavailable, fault.KindOf(err), "%v", err)
		}
	}
}
