package osbcheck

import (
	"encoding/json"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Options say which broker is tested and how. Only URL is required.
type Options struct {
	URL                string // without /v2
	Username, Password string // Basic
	Token              string // Bearer, in place of the two

	Service, Plan string // name or id; empty: the first of the catalog
	UpdatePlan    string // plan to update to; empty: another of the service
	// Organizations are used in turn, so that work which a broker queues for each
	// runs side by side; empty: every instance gets one of its own.
	Organizations []string
	Space         string // empty: made up

	// Parameters of a provision, an update and a binding; nil: none. A row that
	// updates needs UpdateParameters or a second plan.
	Parameters, UpdateParameters, BindParameters json.RawMessage
	// Provoke are parameters that make a broker fail: by name of the failure, see
	// Provocations. Rows about failures that nobody can provoke are skipped.
	Provoke map[string]json.RawMessage

	Platform string // of context and originating identity; empty: cloudfoundry
	Identity string // JSON object of the originating identity; empty: a made-up user

	Versions []string // spoken: the highest; those tried in R-VER-3: all; empty: 2.13 to 2.17
	Workers  int      // rows at a time; 0: 4

	HTTP      *http.Client  // nil: one with a time limit of a minute, which platforms have
	PollEvery time.Duration // 0: one second
	PollLimit time.Duration // for one operation; 0: ten minutes, or the plan's maximum_polling_duration if that is shorter

	Only, Skip []string // ids of rows, * for any text: "P*"
	Strict     bool     // a missed should fails
	Keep       bool     // leave what was made
	Seen       func(Result)
}

// The failures that Options.Provoke can name.
const (
	ProvisionFails   = "provision-fails"   // accepted, then last_operation says failed, or a 5xx
	ProvisionRefused = "provision-refused" // for lack of quota or capacity
	UpdateFails      = "update-fails"      // as ProvisionFails
	UpdateRefused    = "update-refused"    // forbidden in the present state, possible in another
	DeprovisionFails = "deprovision-fails" // provisions; its removal fails at least once
)

// Provocations are the names that Options.Provoke may have.
func Provocations() []string {
	return []string{ProvisionFails, ProvisionRefused, UpdateFails, UpdateRefused, DeprovisionFails}
}

var versionForm = regexp.MustCompile(`^2\.([0-9]{1,4})$`)

func (o *Options) complete() error {
	o.URL = strings.TrimRight(o.URL, "/")
	if o.Platform == "" {
		o.Platform = "cloudfoundry"
	}
	if o.Identity == "" {
		o.Identity = `{"user_id":"osb-check"}`
		if o.Platform == "kubernetes" {
			o.Identity = `{"username":"osb-check","uid":"osb-check","groups":[],"extra":{}}`
		}
	}
	if len(o.Versions) == 0 {
		o.Versions = []string{"2.13", "2.14", "2.15", "2.16", "2.17"}
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.PollEvery <= 0 {
		o.PollEvery = time.Second
	}
	return o.check()
}

func (o *Options) check() error {
	for _, v := range o.Versions {
		if !versionForm.MatchString(v) {
			return fault.New(fault.Invalid, "%q is not a version such as 2.17", v)
		}
	}
	for name := range o.Provoke {
		if !slices.Contains(Provocations(), name) {
			return fault.New(fault.Invalid, "%q is not a failure to provoke; there are %s", name, strings.Join(Provocations(), ", "))
		}
	}
	for _, pattern := range slices.Concat(o.Only, o.Skip) {
		if !slices.ContainsFunc(Rows(), func(r Row) bool { return matches(pattern, r.ID) }) {
			return fault.New(fault.Invalid, "no row has the id %q", pattern)
		}
	}
	return nil
}

// minor is the highest minor version spoken.
func (o *Options) minor() int {
	highest := 0
	for _, v := range o.Versions {
		n, _ := strconv.Atoi(versionForm.FindStringSubmatch(v)[1]) // check saw to it
		highest = max(highest, n)
	}
	return highest
}

// wants says whether a row was asked for.
func (o *Options) wants(id string) bool {
	named := func(pattern string) bool { return matches(pattern, id) }
	return (len(o.Only) == 0 || slices.ContainsFunc(o.Only, named)) && !slices.ContainsFunc(o.Skip, named)
}

func matches(pattern, id string) bool {
	ok, err := path.Match(strings.ToUpper(pattern), strings.ToUpper(id))
	return ok && err == nil
}
