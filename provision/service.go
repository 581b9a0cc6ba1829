// Package provision brokers service instances: it checks a request, states what
// should be, and follows the change that makes it so.
//
// An instance is one document in the collection "instances", key: its id. A
// request writes the document (new state, operation in progress, history) in one
// go and then submits a change with the operation's id; a crash in between is
// made up for by Resume. Every change does the same thing: observe what is,
// compose what should be from the documents, run the steps between
// (topology.Plan), settle the outcome in the document.
//
// The licences that a tenant has accepted for all its instances are one document in
// the collection "accepted", key: the tenant.
package provision

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Service is the broker's heart. Its methods may be called at the same time.
type Service struct {
	instances  store.Collection[Instance]
	glimpses   store.Collection[glimpse] // of instances; to read
	names      store.Collection[named]   // likewise
	ledgers    store.Collection[ledger]
	accepted   store.Collection[accepted]
	drifts     store.Collection[memory]
	slots      store.Collection[slot]
	catalog    *catalog.Catalog
	regions    cloud.Regions
	engine     *work.Engine
	key        *seal.Key
	log        *slog.Logger
	management netip.Prefix
	platform   ovf.Platform
	lifetime   time.Duration
	bootWait   time.Duration
	ceiling    time.Duration

	driftCounts *driftCounts
}

// Config is what a Service works with; Store, Catalog, Engine, Key, Log and
// one of Cloud and Regions are required.
type Config struct {
	Store   *store.Store
	Catalog *catalog.Catalog
	Cloud   cloud.Cloud // of a broker without regions
	Engine  *work.Engine
	Key     *seal.Key
	Log     *slog.Logger

	// Regions are in place of Cloud.
	Regions cloud.Regions

	// Version is this program's, for appliances that want to know where they run; may
	// be empty.
	Version string

	// Management is the range of every tenant's management network. Tenants'
	// management networks are separate, so all may use the same range. The first
	// address is the broker's. Zero means 192.168.254.0/24.
	Management netip.Prefix

	// BindingLifetime is how long the logins work that bindings get of their own,
	// where appliances can have several. Zero means until they are unbound.
	BindingLifetime time.Duration

	// Ceiling is how long a provision, update or bind may take, its wait for its turn
	// included, until it is undone: what does not come true while a platform still
	// asks must not come true afterwards. Removals go on. Zero means no limit.
	Ceiling time.Duration

	// BootWait is how long after its start an appliance gets traffic on a cloud that cannot see
	// whether it forwards, where it has no health endpoint that is reached. Zero: at once.
	BootWait time.Duration
}

// Documents are the instances in a store.
func Documents(s *store.Store) store.Collection[Instance] { return store.In(s, "instances", keys) }

// New makes a Service and registers its kinds of change on the engine.
func New(c Config) *Service {
	if !c.Management.IsValid() {
		c.Management = netip.MustParsePrefix("192.168.254.0/24")
	}
	if c.Cloud != nil {
		c.Regions = cloud.Only(c.Cloud)
	}
	s := &Service{
		instances:  Documents(c.Store),
		glimpses:   store.In[glimpse](c.Store, "instances", nil),
		names:      store.In[named](c.Store, "instances", nil),
		ledgers:    store.In[ledger](c.Store, "quotas", nil),
		accepted:   store.In[accepted](c.Store, "accepted", nil),
		drifts:     store.In[memory](c.Store, "drift", nil),
		slots:      store.In[slot](c.Store, "reconcile", nil),
		catalog:    c.Catalog,
		regions:    c.Regions,
		engine:     c.Engine,
		key:        c.Key,
		log:        c.Log,
		management: c.Management,
		platform:   ovf.Platform{Kind: "Bumpwire", Version: c.Version, Vendor: "Bumpwire", Locale: "en-US", Timezone: new(int)},
		lifetime:   c.BindingLifetime,
		ceiling:    c.Ceiling,
		bootWait:   c.BootWait,

		driftCounts: newDriftCounts(),
	}
	s.register()
	return s
}

// keys are the stored indexes. "live" is the tenant of what has, or wants, something
// in the cloud, "tenant" that of all else; "pending" is what Resume looks for, "unwell"
// the health of what is not well, so that nobody has to go through all to find it.
func keys(i Instance) map[string]string {
	k := map[string]string{}
	if i.live() {
		k["live"] = string(i.Tenant)
	} else {
		k["tenant"] = string(i.Tenant)
	}
	if i.State != Provisioning { // that is among the pending
		k["state"] = string(i.State)
	}
	if len(i.pending()) > 0 {
		k["pending"] = "yes"
	}
	if i.expires() {
		k["expiring"] = "yes"
	}
	if status := i.unwell(); status != "" {
		k["unwell"] = string(status)
	}
	i.billedTo(k)
	return k
}

// billedTo adds keys for those that bills of the instance are for, besides the tenant that has it.
func (i Instance) billedTo(k map[string]string) {
	for _, e := range i.History {
		if e.Tenant != "" && e.Tenant != i.Tenant {
			k[billed(e.Tenant)] = "yes"
		}
		if e.Bill == OperatorPays {
			k[billed(OperatorAccount)] = "yes"
		}
	}
}

// billed is the key of an account: a digest, because keys are not for any text.
func billed(account topology.TenantID) string {
	sum := sha256.Sum256([]byte(account))
	return "billed-" + hex.EncodeToString(sum[:16])
}

// Resume submits the changes of all operations in progress that the engine does
// not know. It is called at start and now and then, for requests whose broker died
// before its engine had stored their changes.
func (s *Service) Resume(ctx context.Context) error {
	for i, err := range s.instances.All(ctx, "pending", "yes") {
		if err != nil {
			return fmt.Errorf("cannot list the operations in progress: %w", err)
		}
		for _, op := range i.pending() {
			if _, err := s.engine.Get(ctx, op.ID); err == nil {
				continue
			}
			if err := s.submit(ctx, i, op); err != nil {
				return err
			}
		}
	}
	return nil
}

// Run resumes what is in progress, at once and every interval, until ctx ends. When
// there is so much of it that looking takes long, it looks more seldom.
func (s *Service) Run(ctx context.Context, interval time.Duration) error {
	for {
		began := time.Now()
		if err := s.Resume(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("cannot resume operations", "error", err)
		}
		if err := s.expire(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Error("cannot expire logins", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(interval, 20*time.Since(began))):
		}
	}
}

// submit sets the engine to an operation that is stored. It costs the request no
// further write: what the engine holds in memory Resume finds in the instances.
func (s *Service) submit(_ context.Context, i Instance, op Operation) error {
	err := s.engine.Enlist(work.Change{
		ID:       op.ID,
		Lane:     i.place().lane(),
		Kind:     op.Kind,
		Subject:  string(i.ID),
		Deadline: s.deadline(op),
	})
	if errors.Is(err, fault.Full) {
		return nil // too many are before it; the next Resume comes back to it
	}
	if err != nil {
		return fmt.Errorf("cannot submit %s of instance %q: %w", op.Kind, i.ID, err)
	}
	return nil
}

// deadline is when an operation is given up; zero: never.
func (s *Service) deadline(op Operation) time.Time {
	switch op.Kind {
	case KindProvision, KindUpdate, KindBind:
		if s.ceiling > 0 {
			return op.Started.Add(s.ceiling)
		}
	}
	return time.Time{}
}

// begin is a new operation in progress.
func begin(kind work.Kind, description string) Operation {
	return Operation{
		ID:          work.ChangeID(rand.Text()),
		Kind:        kind,
		State:       InProgress,
		Description: description,
		Started:     time.Now().UTC(),
	}
}
