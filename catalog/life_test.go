package catalog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// Whatever vendors do in whatever order, with brokers that start again in between,
// what is stored agrees with itself; and whatever is refused has a kind.
func TestAnyLifeLeavesTheCatalogSound(t *testing.T) {
	t.Parallel()
	packages := map[string][]byte{}
	for _, v := range []string{"1", "2", "3"} {
		for _, payload := range []string{"this", "that"} {
			packages[v+payload] = ovaWith(t, payload, version(v)...)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		s := openShelf(t, dir, storetest.Driver(t))
		vendor := rapid.SampledFrom([]string{"one", "two"})
		service := func(r *rapid.T) catalog.ServiceID {
			all, err := s.Services(background)
			if err != nil || len(all) == 0 {
				return "nothing"
			}
			return rapid.SampledFrom(all).Draw(r, "service").ID
		}
		refused := func(r *rapid.T, err error) {
			if err != nil && !errors.Is(err, fault.Conflict) && !errors.Is(err, fault.NotFound) {
				r.Fatal(err)
			}
		}
		acts := map[string]func(){
			"push": func() {
				key := rapid.SampledFrom([]string{"1this", "1that", "2this", "2that", "3this"}).Draw(r, "package")
				_, _, err := s.Push(background, vendor.Draw(r, "vendor"), bytes.NewReader(packages[key]))
				refused(r, err)
			},
			"publish":   func() { refused(r, second(s.Publish(background, service(r), nil))) },
			"deprecate": func() { refused(r, second(s.Deprecate(background, service(r)))) },
			"retire":    func() { refused(r, second(s.Retire(background, service(r)))) },
			"remove": func() {
				id := fmt.Sprintf("%s/example@%d", vendor.Draw(r, "vendor"), rapid.IntRange(1, 3).Draw(r, "version"))
				refused(r, s.Remove(background, catalog.PackageID(id)))
			},
			"restart": func() { s = openShelf(t, dir, s.d) },
		}
		names := []string{"push", "push", "push", "publish", "publish", "deprecate", "retire", "remove", "remove", "restart"}
		for range rapid.IntRange(1, 10).Draw(r, "acts") {
			acts[rapid.SampledFrom(names).Draw(r, "act")]()
		}
		s.requireSound(t)
	})
}
