package provision

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Bind makes a binding (OSB 2.17, "Binding"). One that names a network stitches
// that network into the instance, which takes a change; any other is done at
// once. The same request again answers the same; another under the same id is a
// Conflict.
func (s *Service) Bind(ctx context.Context, r BindRequest) (BindOutcome, error) {
	i, err := s.Instance(ctx, r.Platform, r.Instance)
	if err != nil {
		return BindOutcome{}, err
	}
	if b, ok := i.Bindings[r.ID]; ok && b.State != Deleted {
		return s.rebound(ctx, i, b, r)
	}
	fresh, err := s.draftBinding(ctx, i, r)
	if err != nil {
		return BindOutcome{}, err
	}
	i, err = s.instances.Update(ctx, string(i.ID), func(i Instance) (Instance, error) {
		b, ok := i.Bindings[r.ID]
		switch {
		case ok && b.State != Deleted:
			return i, raced{}
		case i.State != Active:
			return i, errBusy()
		case i.Suspended:
			return i, errSuspended(fault.Invalid, i)
		case r.Predecessor == "" && fresh.Stitch != nil && !i.free(*fresh.Stitch):
			return i, raced{}
		}
		if i.Bindings == nil {
			i.Bindings = map[BindingID]*Binding{}
		}
		added := *fresh
		i.Bindings[r.ID] = &added
		i.note(r.Platform, "a binding was asked for", r.ID)
		i.attribute(r.Origin)
		return i, nil
	})
	if _, lost := err.(raced); lost {
		return s.Bind(ctx, r)
	}
	if err != nil {
		return BindOutcome{}, err
	}
	return s.bound(ctx, i, i.Bindings[r.ID])
}

// free says whether a stitch can still be added: its network is not yet
// stitched and its pair of legs is not taken.
func (i Instance) free(st topology.Stitch) bool {
	for _, t := range i.claimed() {
		if t.Network == st.Network || t.Pair == st.Pair && t.Side == st.Side && st.Pair != 0 {
			return false
		}
	}
	return true
}

// rebound answers a request for a binding that exists.
func (s *Service) rebound(ctx context.Context, i Instance, b *Binding, r BindRequest) (BindOutcome, error) {
	switch {
	case b.Digest != bindDigest(r), r.Service != "" && r.Service != i.Service, r.Plan != "" && !i.GoesBy(r.Plan):
		return BindOutcome{}, fault.New(fault.Conflict, "binding %q exists already with other attributes", r.ID)
	case b.State == Deprovisioning:
		return BindOutcome{}, errBusy()
	case b.State == Failed:
		return BindOutcome{}, fault.New(fault.Conflict, "binding %q failed; delete it before trying again", r.ID)
	case b.State == Provisioning && !r.AcceptsIncomplete:
		return BindOutcome{}, errAsyncRequired()
	}
	out, err := s.bound(ctx, i, b)
	out.Existed = true
	return out, err
}

// bindDigest is of what the request says: of a rotation that is the predecessor.
// The plan is compared by itself, since an update changes it.
func bindDigest(r BindRequest) string {
	if r.Predecessor != "" {
		return digest("rotation", r.Predecessor)
	}
	return digest(r.BindResource, r.Parameters)
}

// draftBinding is the binding that a valid request asks for, nothing stored yet.
func (s *Service) draftBinding(ctx context.Context, i Instance, r BindRequest) (*Binding, error) {
	if i.Update != nil { // it is carried out after that
		i.take(i.Update.Will)
	}
	var before *Binding
	if r.Predecessor != "" && i.State == Active {
		var err error
		if r, before, err = i.succeed(r); err != nil {
			return nil, err
		}
	}
	switch {
	case r.Service != i.Service || !i.GoesBy(r.Plan):
		return nil, fault.New(fault.Invalid, "instance %q is of service %q, plan %q", i.ID, i.Service, i.Plan)
	case i.State == Failed:
		return nil, fault.New(fault.Invalid, "instance %q failed to provision and cannot be bound", i.ID)
	case i.State != Active:
		return nil, errBusy()
	case i.Suspended:
		return nil, errSuspended(fault.Invalid, i)
	}
	if _, err := validate(catalog.BindSchema(i.Insertion), r.Parameters); err != nil {
		return nil, err
	}
	b := &Binding{ID: r.ID, Digest: bindDigest(r), Parameters: r.Parameters, State: Active,
		Operation: begin(KindBind, "done")}
	b.Operation.end(Succeeded, "done")
	var err error
	if before != nil {
		b.Stitch = before.Stitch
	} else if b.Stitch, err = s.bindingStitch(ctx, i, r); err != nil {
		return nil, err
	}
	if i.Insertion.Rotatable() && i.Management.IsValid() {
		b.Account = s.openAccount(i, r.ID)
	}
	if b.Stitch == nil && b.Account == nil {
		return b, nil
	}
	if !r.AcceptsIncomplete {
		return nil, errAsyncRequired()
	}
	b.State, b.Operation = Provisioning, begin(KindBind, "waiting for its turn")
	return b, s.tryBinding(ctx, i, b)
}

// bindingStitch is the place of the network that a binding names; nil for none.
func (s *Service) bindingStitch(ctx context.Context, i Instance, r BindRequest) (*topology.Stitch, error) {
	in, err := place(r.Parameters)
	if err != nil {
		return nil, err
	}
	match, err := i.matchOf(r.Parameters, in.Network)
	if err == nil {
		err = i.unmatched(match)
	}
	if err != nil {
		return nil, err
	}
	if in.Network == "" {
		_, err := policyOf(i.Insertion, r.Parameters, "")
		return nil, cmp.Or(in.nowhere(), err)
	}
	side, err := in.onSide(i.Insertion)
	if err != nil {
		return nil, err
	}
	chooser, err := s.chooser(ctx, i)
	if err != nil {
		return nil, err
	}
	st, err := chooser.stitch(in.Network, side, in.Position)
	if err != nil {
		return nil, err
	}
	st.Match = match
	st.Failure, err = policyOf(i.Insertion, r.Parameters, in.Network)
	return &st, err
}

// bound is the outcome of a binding that is stored: its change submitted, or
// what it hands out.
func (s *Service) bound(ctx context.Context, i Instance, b *Binding) (BindOutcome, error) {
	if b.State == Provisioning {
		out := BindOutcome{Outcome: Outcome{Operation: b.Operation.ID, Progress: true}}
		return out, s.submit(ctx, i, b.Operation)
	}
	return s.handOut(i, b)
}

// Binding is a finished binding with what it hands out. NotFound when unknown or
// still in progress.
func (s *Service) Binding(ctx context.Context, platform string, id topology.InstanceID, bid BindingID) (Binding, BindOutcome, error) {
	i, err := s.Instance(ctx, platform, id)
	if err != nil {
		return Binding{}, BindOutcome{}, err
	}
	b, ok := i.Bindings[bid]
	if !ok || b.State != Active && !(b.State == Deprovisioning && b.InPlace) {
		return Binding{}, BindOutcome{}, fault.New(fault.NotFound, "binding %q does not exist", bid)
	}
	out, err := s.handOut(i, b)
	return *b, out, err
}

// BindingOperation is the latest operation on a binding, also on a removed one.
func (s *Service) BindingOperation(ctx context.Context, platform string, id topology.InstanceID, bid BindingID) (Operation, error) {
	i, err := s.record(ctx, platform, id)
	if err != nil {
		return Operation{}, err
	}
	b, ok := i.Bindings[bid]
	if !ok {
		return Operation{}, fault.New(fault.NotFound, "binding %q does not exist", bid)
	}
	return s.followed(ctx, b.Operation), nil
}

// handOut are the credentials and endpoints of an instance's management side: the
// binding's own login, or the one that all bindings share.
func (s *Service) handOut(i Instance, b *Binding) (BindOutcome, error) {
	m := i.Insertion.Management
	if m == nil || !i.Management.IsValid() {
		return BindOutcome{}, nil
	}
	host, port := i.Management.Addr().String(), strconv.Itoa(m.Port)
	out := BindOutcome{
		Credentials: Credentials{
			URI:  fmt.Sprintf("%s://%s%s", m.Protocol, net.JoinHostPort(host, port), m.Path),
			Host: host, Port: m.Port, Username: m.User,
		},
		Endpoints: []Endpoint{{Host: host, Ports: []string{port}, Protocol: "tcp"}},
	}
	for _, other := range i.Others {
		out.Endpoints = append(out.Endpoints, Endpoint{Host: other.Addr().String(), Ports: []string{port}, Protocol: "tcp"})
	}
	if b.Account == nil {
		secret, err := s.secret(i, m.PasswordProperty)
		out.Credentials.Password = secret
		return out, err
	}
	plain, err := s.key.Open(b.Account.Secret, accountName(i.ID, b.ID))
	if err != nil {
		return BindOutcome{}, fmt.Errorf("cannot open the sealed login of binding %q: %w", b.ID, err)
	}
	out.Credentials.Username, out.Credentials.Password = b.Account.User, string(plain)
	if out.Expires = b.Account.Expires; !out.Expires.IsZero() {
		out.RenewBefore = out.Expires.Add(-s.lifetime / 5).Truncate(time.Second)
	}
	return out, nil
}

// ParametersOf are an instance's parameters as its tenant may read them again:
// without passwords.
func ParametersOf(i Instance) json.RawMessage {
	values := map[string]any{}
	for k, v := range i.Values {
		values[k] = v
	}
	var networks []topology.NetworkID
	for _, st := range i.Stitches {
		networks = append(networks, st.Network)
	}
	switch {
	case i.Insertion.Symmetric():
		i.describeSides(values)
	case len(networks) > 0:
		values["networks"] = networks
	}
	if i.Region != "" {
		values[catalog.KeyRegion] = i.Region
	}
	i.Steering.describe(i.Insertion, values)
	raw, _ := json.Marshal(values) // strings always marshal
	return raw
}
