package openstack

import (
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// catalog looks for the services, and says whether those are there that the rest of an
// examination asks.
func (e *examination) catalog(objects bool) bool {
	c, err := e.d.credential()
	if err != nil {
		return false // account has said it
	}
	regions := regionsOf(c.Catalog)
	if e.d.endpoint.Region == "" && len(regions) > 1 {
		e.missing("catalog", "a region", noRegion(regions), "choose one: region_name in clouds.yaml, OS_REGION_NAME, or cloud.region")
		return false
	}
	reached := true
	for _, w := range e.d.session.known() {
		switch err := e.d.reach(w); {
		case err == nil && (w.client != &e.d.objects || objects):
			e.met("catalog", w.name+" service", "%s", (*w.client).Endpoint)
		case w.client == &e.d.objects && !objects:
		default:
			e.missing("catalog", w.name+" service", err, serviceRemedy(err, w.made, regions))
			reached = reached && w.client == &e.d.objects
		}
	}
	return reached
}

func serviceRemedy(err error, made string, regions []string) string {
	if isAbsent(err) && len(regions) > 0 {
		return "have an operator add " + made + " to the catalog, or choose another region; there are " + strings.Join(regions, ", ")
	}
	if isAbsent(err) {
		return "have an operator add " + made + " to the catalog"
	}
	return "see that the address in the catalog is right and reached from this machine, and that " + made + " runs"
}

func noRegion(regions []string) error {
	return fault.New(fault.Invalid, "the cloud has regions %s, and none is chosen (region_name in clouds.yaml, OS_REGION_NAME, or cloud.region)", strings.Join(regions, ", "))
}
