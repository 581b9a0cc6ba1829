package openstack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// oddness is a way to the cloud on which what calls of a shape answer is something else.
type oddness struct {
	http.RoundTripper
	at, says string

	mu     sync.Mutex
	shapes map[string]bool // all that were called
}

func (o *oddness) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.RoundTripper.RoundTrip(r)
	o.mu.Lock()
	o.shapes[shape(r)] = true
	o.mu.Unlock()
	if err == nil && shape(r) == o.at && answer.StatusCode < 300 {
		answer.Body.Close()
		answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(o.says)), int64(len(o.says))
	}
	return answer, err
}

// odd puts a worker behind a way on which calls of a shape answer something odd.
func odd(t *testing.T, at, says string) (*worker, *oddness) {
	a := newWorker(t)
	for _, h := range holders {
		a.loads(h.extension)
	}
	o := &oddness{RoundTripper: a.d.provider.HTTPClient.Transport, at: at, says: says, shapes: map[string]bool{}}
	a.d.provider.HTTPClient.Transport = o
	return a, o
}

// everything has the driver do all that it can; whether that comes true is no matter.
func (a *worker) everything() {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Second)
	defer cancel()
	for _, services := range append(a.seasons(), a.seasons()...) {
		have, err := a.through.Observe(ctx, a.tenant)
		if err != nil {
			continue
		}
		want, err := topology.Compose(topology.Base(have), services)
		if err != nil {
			continue
		}
		steps, err := topology.Plan(have, want)
		if err != nil {
			continue
		}
		machines := map[topology.ApplianceID]cloud.Server{}
		for _, s := range steps {
			if s.Verb == topology.Boot {
				machines[s.Appliance.ID] = a.machine
			}
		}
		_ = a.d.Afford(ctx, steps, machines)
		_, _ = a.d.Foresee(ctx, a.tenant, steps)
		for _, s := range steps {
			_ = a.step(ctx, s)
		}
		for _, p := range have.Appliances {
			_, _ = a.d.Probe(ctx, a.tenant, p.ID)
			_, _ = a.d.Since(ctx, a.tenant, p.ID)
			_, _ = a.d.Counters(ctx, a.tenant, p.ID)
		}
		_, _ = a.d.Resources(ctx)
		e := &examination{d: a.d}
		e.account()
		e.catalog(true)
		for _, examine := range e.parts() {
			examine(ctx)
		}
	}
}

// A cloud may answer whatever it likes: a call may fail, and the broker lives.
func TestNoAnswerOfTheCloudIsTooOdd(t *testing.T) {
	t.Parallel()
	fine, seen := odd(t, "", "")
	fine.everything()
	require.Greater(t, len(seen.shapes), 60)
	for at := range seen.shapes {
		for _, says := range []string{`{}`, `null`, `[]`, `{"port": null, "ports": [null], "quota": null}`} {
			t.Run(fmt.Sprintf("%s/%s", strings.ReplaceAll(at, "/", "_"), says), func(t *testing.T) {
				t.Parallel()
				a, _ := odd(t, at, says)
				a.everything()
			})
		}
	}
}
