package metering

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Instances is where history comes from: all instances, deleted ones too. An
// error is the last thing an iteration yields.
type Instances interface {
	All(ctx context.Context) iter.Seq2[provision.Instance, error]
	// Of are those that a tenant ever had, or the operator's account paid for; each once.
	Of(ctx context.Context, tenant topology.TenantID) iter.Seq2[provision.Instance, error]
	// Get is one. fault.NotFound when there never was one of that id.
	Get(ctx context.Context, id topology.InstanceID) (provision.Instance, error)
}

// Prices is where a plan's prices come from: all versions, also of plans that are
// no longer offered; and whose service it is. fault.NotFound when there never was such a
// plan or service.
type Prices interface {
	Prices(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error)
	Vendor(ctx context.Context, service catalog.ServiceID) (string, error)
}

// Config is what a Meter works with. Store, Instances, Catalog and Log are required.
type Config struct {
	Store     *store.Store
	Instances Instances
	Catalog   Prices
	Log       *slog.Logger

	// Window is the length of a window: a day is a whole number of them. Zero means
	// an hour.
	Window time.Duration
	// Grace is how long after its end a window is left open for events that are
	// written late and prices that are set late. Zero means a tenth of the window, at
	// least two seconds and at most a minute; the catalog lets a price begin up to a
	// second ago, and a shorter grace could miss it.
	Grace time.Duration
	// Schedule says when Run closes what is over: a cron expression in UTC of five
	// fields, or of six with seconds in front, or a descriptor such as @hourly. Empty
	// means as soon as a window's grace is over.
	Schedule string
	// Retention is how old an event may be that an appliance reports. Zero means
	// DefaultRetention.
	Retention time.Duration
	// Zone is where billing periods, calendar months, begin and end: the operator's, and those of tenants
	// without a zone of their own. Nil means UTC.
	Zone *time.Location
	// Lateness is how long after its end a billing period's statements wait for usage
	// that is reported late. Zero means DefaultLateness.
	Lateness time.Duration

	// RetainNames is after how long people's names are erased: see Forget. Zero means never.
	RetainNames time.Duration

	// Counters are read every Sample, into which windows divide; zero means a twelfth of a
	// window. Without Counters nothing is read.
	Counters Counters
	Sample   time.Duration

	// Derive makes secret bytes for a purpose, the same again for the same: the keys by which webhooks are signed.
	// Without it there are no budgets.
	Derive func(purpose string) []byte
	// Webhooks carries requests to webhooks. Nil: over the network, to public addresses by https only.
	Webhooks http.RoundTripper
	// PrivateWebhooks lets webhooks have any address, and http.
	PrivateWebhooks bool
}

// DefaultLateness is a day.
const DefaultLateness = day

// Meter closes windows and keeps their records. Its methods may be called at the
// same time, also by several brokers on one store.
type Meter struct {
	instances Instances
	prices    Prices
	log       *slog.Logger
	window    time.Duration
	grace     time.Duration
	schedule  cron.Schedule

	windows  store.Collection[Closed]
	progress store.Collection[progress]

	zone       *time.Location
	lateness   time.Duration
	statements store.Collection[Statement]
	pages      store.Collection[page]
	issued     store.Collection[issued]
	again      store.Collection[again]
	agreements store.Collection[rating.Agreement]
	ledgers    store.Collection[ledger]
	taxes      store.Collection[rating.Tax]
	zones      store.Collection[zones]
	promises   store.Collection[rating.Promise]

	budgets  store.Collection[watched]
	alerts   store.Collection[Alert]
	derive   func(string) []byte
	webhooks http.RoundTripper
	private  bool

	retainNames time.Duration
	forgetting  store.Collection[forgetting]
	erasures    store.Collection[Erasure]

	retention time.Duration
	histories store.Collection[provision.Instance]
	events    store.Collection[reported]
	tallies   store.Collection[tally]

	counters  Counters
	sample    time.Duration
	odometers store.Collection[odometer]
	sampling  store.Collection[sampling]
}

// New makes a Meter. fault.Invalid for a window that does not fit or a schedule
// that cannot be read.
func New(c Config) (*Meter, error) {
	if c.Store == nil || c.Instances == nil || c.Catalog == nil || c.Log == nil {
		return nil, errors.New("a meter needs a store, instances, a catalog and a log")
	}
	if c.Window == 0 {
		c.Window = time.Hour
	}
	if err := checkLength(c.Window); err != nil {
		return nil, err
	}
	if c.Grace == 0 {
		c.Grace = min(max(c.Window/10, 2*time.Second), time.Minute)
	}
	if c.Grace < 0 {
		return nil, fault.New(fault.Invalid, "a grace period of %s is negative", c.Grace)
	}
	if c.Sample == 0 {
		c.Sample = c.Window / 12
		if c.Sample < time.Second || c.Window%c.Sample != 0 {
			c.Sample = c.Window
		}
	}
	if c.Sample < time.Second || c.Window%c.Sample != 0 {
		return nil, fault.New(fault.Invalid, "counters cannot be read every %s: a window of %s must be a whole number of that, and it is a second at least", c.Sample, c.Window)
	}
	schedule, err := scheduleOf(c)
	if err != nil {
		return nil, err
	}
	m := &Meter{
		instances: c.Instances, prices: c.Catalog, log: c.Log,
		window: c.Window, grace: c.Grace, schedule: schedule, retention: cmp.Or(c.Retention, DefaultRetention),
		counters: c.Counters, sample: c.Sample, retainNames: c.RetainNames,
		zone: cmp.Or(c.Zone, time.UTC), lateness: cmp.Or(c.Lateness, DefaultLateness),
		derive: c.Derive, webhooks: c.Webhooks, private: c.PrivateWebhooks,
	}
	if m.webhooks == nil {
		m.webhooks = publicOnly(c.PrivateWebhooks)
	}
	m.keepIn(c.Store)
	return m, nil
}

// keepIn has the meter keep its records in a store.
func (m *Meter) keepIn(s *store.Store) {
	m.windows = store.In[Closed](s, "windows", nil)
	m.progress = store.In[progress](s, "metering", nil)
	m.statements = store.In(s, "statements", Statement.keys)
	m.pages = store.In[page](s, "statement-pages", nil)
	m.issued = store.In[issued](s, "issued", nil)
	m.again = store.In(s, "rate-again", again.keys)
	m.agreements = store.In[rating.Agreement](s, "agreements", nil)
	m.ledgers = store.In[ledger](s, "credits", nil)
	m.taxes = store.In[rating.Tax](s, "taxes", nil)
	m.zones = store.In[zones](s, "billing-zones", nil)
	m.promises = store.In[rating.Promise](s, "promises", nil)
	m.budgets = store.In(s, "budgets", func(w watched) map[string]string { return map[string]string{"tenant": string(w.Tenant)} })
	m.alerts = store.In(s, "budget-alerts", Alert.keys)
	m.forgetting = store.In[forgetting](s, "forgetting", nil)
	m.erasures = store.In[Erasure](s, "erasures", nil)
	m.histories = provision.Documents(s)
	m.events = store.In(s, "events", func(e reported) map[string]string { return map[string]string{windowKey: e.windowID()} })
	m.tallies = store.In(s, "tallies", tally.keys)
	m.odometers = store.In(s, "odometers", odometer.keys)
	m.sampling = store.In[sampling](s, "sampling", nil)
}

func scheduleOf(c Config) (cron.Schedule, error) {
	if c.Schedule == "" {
		return afterWindow{c.Window, c.Grace}, nil
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	s, err := parser.Parse(c.Schedule)
	if err != nil {
		return nil, fault.New(fault.Invalid, "metering schedule %q: %s", c.Schedule, err)
	}
	return s, nil
}
