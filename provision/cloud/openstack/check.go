package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// An examination is what was found out about a cloud so far.
type examination struct {
	d     *Driver
	found []cloud.Finding
}

// Examine finds out what a cloud has of what the driver needs, and what the account
// that options name may do there. It only reads: no request has another method than
// GET, but for signing in. Objects says whether the object store is needed, too. What
// depends on something that is missing is left out.
func Examine(ctx context.Context, o Options, objects bool) []cloud.Finding {
	e := &examination{}
	if !scopes.MatchString(o.Scope) {
		e.missing("account", "a scope", badScope(o.Scope), "set cloud.scope")
		return e.found
	}
	s, err := signIn(ctx, o)
	if err != nil {
		e.missing("account", "sign in", err, signInRemedy(err))
		return e.found
	}
	defer s.provider.HTTPClient.CloseIdleConnections()
	e.d = &Driver{session: s, scope: o.Scope}
	e.account()
	if !e.catalog(objects) {
		return e.found
	}
	for _, examine := range e.parts() {
		if examine(ctx); ctx.Err() != nil {
			return e.found
		}
	}
	e.management(ctx, o)
	e.northbound(ctx, o)
	return e.found
}

// parts are what is looked at once the services are known.
func (e *examination) parts() []func(context.Context) {
	return []func(context.Context){e.extensions, e.rights, e.diagnosis, e.mtus, e.compute, e.flavors, e.images, e.volumes, e.quotas}
}

func (e *examination) add(f cloud.Finding) { e.found = append(e.found, f) }

func (e *examination) met(area, need, format string, args ...any) {
	e.add(cloud.Finding{Area: area, Need: need, Verdict: cloud.Met, Found: fmt.Sprintf(format, args...)})
}

func (e *examination) limited(area, need, found, remedy string) {
	e.add(cloud.Finding{Area: area, Need: need, Verdict: cloud.Limited, Found: found, Remedy: remedy})
}

// missing is a need whose lack leads to an error of the driver.
func (e *examination) missing(area, need string, err error, remedy string) {
	e.add(cloud.Finding{Area: area, Need: need, Verdict: cloud.Missing, Found: reason(err), Remedy: remedy, Kind: fault.KindOf(err)})
}

// lacks is a need that the cloud itself does not meet.
func (e *examination) lacks(area, need, found, remedy string) {
	e.missing(area, need, fault.New(fault.Unavailable, "%s", found), remedy)
}

// unknown is a need that could not be looked into.
func (e *examination) unknown(area, need string, err error) {
	remedy := "see the service's log"
	if k := fault.KindOf(err); k == fault.Forbidden || k == fault.Unauthorized {
		remedy = "check with an account that may read this"
	}
	e.add(cloud.Finding{Area: area, Need: need, Verdict: cloud.Unknown, Found: reason(err), Remedy: remedy})
}

// reason is an error's sentence, and why there was no answer, if there was none.
func reason(err error) string {
	var failed *url.Error
	if errors.As(err, &failed) {
		return fault.Message(err) + ": " + failed.Err.Error()
	}
	return fault.Message(err)
}

// read asks a service for a document.
func read[T any](ctx context.Context, c *gophercloud.ServiceClient, what string, path ...string) (t T, err error) {
	_, err = c.Get(ctx, c.ServiceURL(path...), &t, nil)
	return t, said("read "+what, err)
}

// some names the first few of a list.
func some(list []string) string {
	const most = 3
	slices.Sort(list)
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}
