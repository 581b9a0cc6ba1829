package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Provision accepts a new instance (OSB 2.17, "Provisioning"). The same request
// again answers the same operation; another under the same id is a Conflict. An
// id whose instance was deleted may be used again. A request without
// AcceptsIncomplete is refused before anything is stored. So is an id that
// belonged to another platform or tenant: the history behind it is theirs.
func (s *Service) Provision(ctx context.Context, r ProvisionRequest) (Outcome, error) {
	if out, done := s.provisionUnseen(ctx, r); done {
		return out, nil
	}
	old, err := s.instances.Get(ctx, string(r.ID))
	unused := errors.Is(err, fault.NotFound)
	switch {
	case err == nil && old.State != Deleted:
		return s.repeated(ctx, old, r)
	case err != nil && !unused:
		return Outcome{}, err
	}
	fresh, err := s.draft(ctx, r)
	if err != nil {
		return Outcome{}, err
	}
	if !r.AcceptsIncomplete {
		return Outcome{}, errAsyncRequired()
	}
	undo, err := s.admit(ctx, r, fresh.Steering.members())
	if err != nil {
		return Outcome{}, err
	}
	fresh.Holders = holders(r.Allowances)
	stored, err := s.keep(ctx, r.ID, unused, func(old Instance, exists bool) (Instance, error) {
		switch {
		case exists && old.State != Deleted:
			return old, raced{}
		case exists && (old.Platform != r.Platform || old.Tenant != r.Tenant):
			return old, fault.New(fault.Conflict, "the id %q was used before; choose another", r.ID)
		case time.Since(fresh.Operation.Started) > storeWithin:
			return old, fault.New(fault.Unavailable, "the request took too long to be stored; try again")
		}
		next := fresh
		next.History = old.History
		next.asked(r)
		return next, nil
	})
	if _, lost := err.(raced); lost {
		return s.Provision(ctx, r)
	}
	if err != nil {
		return Outcome{}, errors.Join(fmt.Errorf("instance %q: %w", r.ID, err), undo(context.WithoutCancel(ctx)))
	}
	if err := s.submit(ctx, stored, stored.Operation); err != nil {
		return Outcome{}, err
	}
	return Outcome{Operation: stored.Operation.ID, Progress: true}, nil
}

// provisionUnseen accepts what nearly every request is, valid and for an id that
// nobody has used, without a look whether it is used. If anything speaks against
// that nothing is stored, done is false, and Provision finds out what it is.
func (s *Service) provisionUnseen(ctx context.Context, r ProvisionRequest) (out Outcome, done bool) {
	if len(r.Allowances) > 0 || !r.AcceptsIncomplete { // a place in a ledger may be an instance's that there is
		return Outcome{}, false
	}
	fresh, err := s.draft(ctx, r)
	if err != nil {
		return Outcome{}, false
	}
	fresh.asked(r)
	if err := s.instances.Create(ctx, string(r.ID), fresh); err != nil {
		return Outcome{}, false
	}
	if err := s.submit(ctx, fresh, fresh.Operation); err != nil {
		return Outcome{}, false
	}
	return Outcome{Operation: fresh.Operation.ID, Progress: true}, true
}

// asked begins the history of a request's instance.
func (i *Instance) asked(r ProvisionRequest) {
	i.note(r.Platform, "provisioning was asked for", "")
	i.attribute(r.Origin)
	i.noteEULAs(i.EULAs)
}

// keep stores an instance. One whose id was unused a moment ago is not read again.
func (s *Service) keep(ctx context.Context, id topology.InstanceID, unused bool, next func(old Instance, exists bool) (Instance, error)) (Instance, error) {
	if !unused {
		return s.instances.Upsert(ctx, string(id), next)
	}
	i, err := next(Instance{}, false)
	if err == nil {
		err = s.instances.Create(ctx, string(id), i)
	}
	if errors.Is(err, fault.Conflict) {
		return i, raced{}
	}
	return i, err
}

// raced says that somebody else stored the instance first.
type raced struct{}

func (raced) Error() string { return "somebody else stored it first" }

func errAsyncRequired() error {
	return fault.New(fault.AsyncRequired, "This service plan requires client support for asynchronous service operations.")
}

func errBusy() error {
	return fault.New(fault.Busy, "The Service Broker does not support concurrent requests that mutate the same resource.")
}

func errExists(r ProvisionRequest) error {
	return fault.New(fault.Conflict, "instance %q exists already with other attributes", r.ID)
}

// repeated answers a request for an id that is in use. The change is submitted
// once more, in case the broker that stored the instance died before it did.
func (s *Service) repeated(ctx context.Context, old Instance, r ProvisionRequest) (Outcome, error) {
	switch {
	case old.Platform != r.Platform:
		return Outcome{}, errExists(r)
	case old.State == Deprovisioning: // whatever is asked for, the id is free when it is gone
		return Outcome{}, errBusy()
	case old.Plan != r.Plan, old.Digest != requestDigest(r):
		return Outcome{}, errExists(r)
	case old.State == Failed:
		return Outcome{}, fault.New(fault.Conflict, "instance %q failed to provision; delete it before trying again", r.ID)
	case old.State == Active:
		return Outcome{Existed: true}, nil
	case !r.AcceptsIncomplete:
		return Outcome{}, errAsyncRequired()
	}
	return Outcome{Operation: old.Operation.ID, Progress: true}, s.submit(ctx, old, old.Operation)
}

// requestDigest leaves the context out but for the platform's name: names and
// annotations in it change over time (OSB profile.md), the tenant is compared
// by itself. So is the plan, which an update changes.
func requestDigest(r ProvisionRequest) string {
	asked := digest(r.Service, r.Tenant, r.Organization, r.Space, r.Parameters)
	if r.Provider != nil {
		return digest(asked, *r.Provider)
	}
	return asked
}

// draft is the instance that a valid request asks for, nothing stored yet.
func (s *Service) draft(ctx context.Context, r ProvisionRequest) (Instance, error) {
	offer, err := s.offer(ctx, r.Service, r.Plan)
	if err == nil {
		err = r.Provider.check()
	}
	if err != nil {
		return Instance{}, err
	}
	if now := offer.Package.ID.MaintenanceVersion(); r.Version != "" && r.Version != now {
		return Instance{}, &StaleVersion{Asked: r.Version, Offered: now}
	}
	if err := fitting(offer.Service.Insertion, offer.Service.Name, r.Parameters); err != nil {
		return Instance{}, err
	}
	schema, ours := catalog.WithRegions(offer.Plan.Schema, s.regions.Names())
	checked, err := validate(schema, r.Parameters)
	if err != nil {
		return Instance{}, err
	}
	region, _ := s.regionOf(checked, ours)
	i := Instance{
		ID: r.ID, Name: nameIn(r.Context, string(r.ID)), Platform: r.Platform, Tenant: r.Tenant, Region: region,
		Service: r.Service, Plan: r.Plan,
		Package: offer.Package.ID, Configuration: offer.Plan.Configuration, Insertion: offer.Service.Insertion,
		Organization: r.Organization, Space: r.Space, Context: r.Context,
		Digest: requestDigest(r), State: Provisioning,
		Operation: begin(KindProvision, "waiting for its turn"),
		Health:    Health{Status: HealthUnknown},
		Provider:  r.Provider,
	}
	if err := i.managedBy(i.Insertion, offer.Service.Name); err != nil {
		return Instance{}, err
	}
	if i.EULAs, err = s.acceptances(ctx, i, offer.Package.EULAs, r.Platform, r.Origin, r.Parameters); err != nil {
		return Instance{}, err
	}
	if i.Steering, err = i.Steering.asked(i.Insertion, r.Parameters); err != nil {
		return Instance{}, err
	}
	if err := i.unmatched(i.Match); err != nil {
		return Instance{}, err
	}
	i.Resilience = i.Resilience.fixed(i.Mode, i.Insertion)
	i.Size = Size{offer.Plan.VCPUs * i.Steering.members(), offer.Plan.MemoryBytes * int64(i.Steering.members())}
	if i.Stitches, err = s.firstStitches(ctx, i, r.Parameters); err != nil {
		return Instance{}, err
	}
	if err := s.setValues(ctx, &i, checked); err != nil {
		return Instance{}, err
	}
	return i, s.tryRedirect(ctx, i, trialChange)
}

// offer looks up what new instances may be made of.
func (s *Service) offer(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) (catalog.Offer, error) {
	offer, err := s.catalog.Offer(ctx, service, plan)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return offer, fault.New(fault.Invalid, "%s", fault.Message(err))
	}
	if err != nil {
		return offer, err
	}
	switch {
	case offer.Service.State != catalog.Published && offer.Service.State != catalog.Deprecated:
		return offer, fault.New(fault.Invalid, "service %q takes no new instances: it is %s", offer.Service.Name, offer.Service.State)
	case !insertable(offer.Service.Insertion):
		return offer, fault.New(fault.Invalid, "service %q cannot be inserted: its package says neither how it stands in path nor how it is redirected to", offer.Service.Name)
	}
	return offer, nil
}

// insertable says whether this broker can insert a service.
func insertable(in catalog.Insertion) bool {
	return in.InPath() || in.Redirects()
}

// nameIn is what a platform's context calls the instance.
func nameIn(context json.RawMessage, otherwise string) string {
	var c struct {
		Name string `json:"instance_name"`
	}
	if json.Unmarshal(context, &c) == nil && c.Name != "" && len(c.Name) <= 255 {
		return c.Name
	}
	return otherwise
}

func (s *Service) firstStitches(ctx context.Context, i Instance, parameters json.RawMessage) ([]topology.Stitch, error) {
	in, err := place(parameters)
	if err == nil {
		err = in.whole(i.Insertion)
	}
	if err != nil {
		return nil, err
	}
	if len(in.Networks)+len(in.Sides) == 0 && !i.everywhere() {
		return nil, in.nowhere()
	}
	chooser, err := s.chooser(ctx, i)
	if err != nil {
		return nil, err
	}
	if in, err = chooser.everywhere(i, in); err != nil {
		return nil, err
	}
	var list []topology.Stitch
	for _, p := range in.each(i.Insertion) {
		for _, name := range p.Networks {
			stitch, err := chooser.stitch(name, p.side, p.Position)
			if err != nil {
				return nil, err
			}
			list = append(list, stitch)
		}
		if list, err = p.matched(list, i.Mode == topology.Redirected); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// setValues keeps the tenant's property values, passwords sealed, and makes the
// passwords that the tenant left to the broker.
func (s *Service) setValues(ctx context.Context, i *Instance, checked map[string]any) error {
	values, err := propertyValues(i.Insertion, checked)
	if err != nil {
		return err
	}
	pkg, err := s.catalog.Descriptor(ctx, i.Package)
	if err != nil {
		return err
	}
	i.Values, i.Secrets = map[string]string{}, map[string]string{}
	for _, p := range pkg.Properties() {
		value, given := values[p.ID]
		switch {
		case p.Password:
			err = s.setSecret(i, p, value, given)
		case given:
			i.Values[p.ID] = value
		}
		if err != nil {
			return err
		}
	}
	return checkDisks(pkg, *i)
}

func (s *Service) setSecret(i *Instance, p ovf.Property, value string, given bool) error {
	if _, preset := p.Value(i.Configuration); !given && (preset || !p.UserConfigurable) {
		return nil
	}
	if !given {
		value = password(p.Rules)
	}
	i.Secrets[p.ID] = s.key.Seal([]byte(value), secretName(i.ID, p.ID))
	return nil
}

func (s *Service) secret(i Instance, property string) (string, error) {
	sealed, ok := i.Secrets[property]
	if !ok {
		return "", nil
	}
	plain, err := s.key.Open(sealed, secretName(i.ID, property))
	if err != nil {
		return "", fmt.Errorf("cannot open the sealed property %q of instance %q: %w", property, i.ID, err)
	}
	return string(plain), nil
}

// secretName binds a sealed value to its place, so that it cannot be moved.
func secretName(i topology.InstanceID, property string) string {
	return "instance/" + string(i) + "/" + property
}
