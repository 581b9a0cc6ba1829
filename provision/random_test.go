package provision_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Platforms ask two brokers on one store for whatever they like, often while
// something else is being carried out. What was accepted last is so in the end, no
// step on the way is unsafe, no packet gets past a service, and when all is removed
// the tenant has what it had.
func TestRandomRequestsEndAsAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, sim.Options{BootAwaits: rapid.IntRange(0, 3).Draw(r, "awaits")})
		m := &market{t: t, w: w, brokers: []*broker{w.broker(t, w.driver), w.broker(t, w.driver)}, wanted: map[topology.InstanceID]*wish{}}
		defer m.close()
		for range rapid.IntRange(1, 14).Draw(r, "requests") {
			ask := rapid.SampledFrom([]func(*rapid.T){m.provision, m.update, m.update, m.bind, m.unbind, m.remove}).Draw(r, "request")
			ask(r)
			if rapid.Bool().Draw(r, "wait") {
				m.rest(r)
			}
		}
		m.rest(r)
		m.requireWishes(r)
		for id := range m.wanted {
			m.accept(r, func(b *broker) (provision.Outcome, error) { return b.Deprovision(t.Context(), m.removal(b, id, "")) })
		}
		m.rest(r)
		w.requireBase(t)
	})
}

// wish is what an instance should be.
type wish struct {
	plan, ports string
	networks    []string
	bindings    map[provision.BindingID]string // the network each is for; empty: none
}

type market struct {
	t       *testing.T
	w       *world
	brokers []*broker
	wanted  map[topology.InstanceID]*wish
	asked   []asked
	named   int
}

// asked is an operation in progress, and the broker that accepted it: others may
// not know its change yet.
type asked struct {
	broker *broker
	op     work.ChangeID
}

func (m *market) close() {
	for _, b := range m.brokers {
		b.stop()
	}
}

// accept asks one of the brokers and says whether it agreed. A refusal is one that
// a user can understand.
func (m *market) accept(r *rapid.T, ask func(*broker) (provision.Outcome, error)) bool {
	b := m.brokers[rapid.IntRange(0, 1).Draw(r, "broker")]
	out, err := ask(b)
	if err != nil {
		kind := fault.KindOf(err)
		require.Contains(r, []fault.Kind{fault.Invalid, fault.Busy, fault.Conflict, fault.Gone, fault.NotFound}, kind, "%v", err)
		return false
	}
	if out.Progress {
		m.asked = append(m.asked, asked{b, out.Operation})
	}
	return true
}

// rest waits until nothing is in progress.
func (m *market) rest(r *rapid.T) {
	for _, a := range m.asked {
		c := a.broker.wait(m.t, a.op)
		require.Contains(r, []work.Status{work.Done, work.Undone}, c.Status)
	}
	m.asked = nil
	require.Empty(r, m.w.cloud.Violations())
}

var places = [][]string{{}, {"lan"}, {"dmz"}, {"lan", "dmz"}}

func (m *market) pick(r *rapid.T) topology.InstanceID {
	return topology.InstanceID(rapid.SampledFrom([]string{"a", "b"}).Draw(r, "instance"))
}

func (m *market) provision(r *rapid.T) {
	id := m.pick(r)
	networks := rapid.SampledFrom(places).Draw(r, "networks")
	ok := m.accept(r, func(b *broker) (provision.Outcome, error) {
		out, err := b.Provision(m.t.Context(), m.w.order(id, networks...))
		if out.Existed || m.wanted[id] != nil {
			return out, orBusy(err)
		}
		return out, err
	})
	if ok && m.wanted[id] == nil {
		m.wanted[id] = &wish{plan: "small", ports: "23", networks: networks, bindings: map[provision.BindingID]string{}}
	}
}

// orBusy makes a repetition that is answered well no success of its own.
func orBusy(err error) error {
	if err == nil {
		return fault.New(fault.Busy, "it exists")
	}
	return err
}

func (m *market) update(r *rapid.T) {
	id := m.pick(r)
	p := m.w.patch(id)
	next := wish{}
	if rapid.Bool().Draw(r, "another plan") {
		next.plan = rapid.SampledFrom([]string{"small", "large"}).Draw(r, "plan")
		p.Plan = m.w.plan(next.plan)
	}
	parameters := map[string]any{}
	if rapid.Bool().Draw(r, "other ports") {
		next.ports = rapid.SampledFrom([]string{"23", "25"}).Draw(r, "ports")
		parameters["firewall.block-tcp-ports"] = next.ports
	}
	if rapid.Bool().Draw(r, "other networks") {
		next.networks = rapid.SampledFrom(places).Draw(r, "networks")
		parameters["networks"] = next.networks
		parameters["nearest"] = rapid.SampledFrom([]string{"hosts", "gateway"}).Draw(r, "nearest")
	}
	if len(parameters) > 0 {
		p.Parameters = raw(parameters)
	}
	if !m.accept(r, func(b *broker) (provision.Outcome, error) { return b.Update(m.t.Context(), p) }) {
		return
	}
	x := m.wanted[id]
	if next.plan != "" {
		x.plan = next.plan
	}
	if next.ports != "" {
		x.ports = next.ports
	}
	if next.networks != nil {
		x.networks = next.networks
	}
}

func (m *market) bind(r *rapid.T) {
	id := m.pick(r)
	m.named++
	network := rapid.SampledFrom([]string{"", "lan", "dmz"}).Draw(r, "network")
	bid := provision.BindingID(fmt.Sprintf("b%d", m.named))
	ok := m.accept(r, func(b *broker) (provision.Outcome, error) {
		q := m.w.binding(id, bid, network)
		if i, err := b.Instance(m.t.Context(), "cf", id); err == nil {
			q.Plan = i.Plan
		}
		out, err := b.Bind(m.t.Context(), q)
		return out.Outcome, err
	})
	if ok {
		m.wanted[id].bindings[bid] = network
	}
}

func (m *market) unbind(r *rapid.T) {
	id := m.pick(r)
	if m.wanted[id] == nil || len(m.wanted[id].bindings) == 0 {
		return
	}
	bid := rapid.SampledFrom(slices.Sorted(maps.Keys(m.wanted[id].bindings))).Draw(r, "binding")
	if m.accept(r, func(b *broker) (provision.Outcome, error) { return b.Unbind(m.t.Context(), m.removal(b, id, bid)) }) {
		delete(m.wanted[id].bindings, bid)
	}
}

func (m *market) remove(r *rapid.T) {
	id := m.pick(r)
	if m.accept(r, func(b *broker) (provision.Outcome, error) { return b.Deprovision(m.t.Context(), m.removal(b, id, "")) }) {
		delete(m.wanted, id)
	}
}

func (m *market) removal(_ *broker, id topology.InstanceID, bid provision.BindingID) provision.RemoveRequest {
	return m.w.removal(id, bid)
}

// requireWishes says that all is as it was accepted last, in the documents and in
// the fabric.
func (m *market) requireWishes(r *rapid.T) {
	through := map[string][]string{}
	for id, x := range m.wanted {
		i, err := m.brokers[0].Instance(m.t.Context(), "cf", id)
		require.NoError(r, err)
		require.Equal(r, provision.Active, i.State)
		require.Nil(r, i.Update)
		require.Equal(r, m.w.plan(x.plan), i.Plan)
		require.Equal(r, x.ports, i.Values["firewall.block-tcp-ports"])
		var p struct{ Networks []string }
		require.NoError(r, json.Unmarshal(provision.ParametersOf(i), &p))
		require.ElementsMatch(r, x.networks, p.Networks)
		passing := slices.Clone(x.networks)
		for bid, network := range x.bindings {
			require.Equal(r, provision.Active, i.Bindings[bid].State)
			if network != "" {
				passing = append(passing, network)
			}
		}
		for _, n := range passing {
			through[n] = append(through[n], string(topology.ApplianceOf(id, i.Generation)))
		}
		require.NotPanics(r, func() { story(m.t, i) })
	}
	for _, n := range []string{"lan", "dmz"} {
		way := strings.Split(m.w.path(m.t, "host-"+n), " → ")
		require.ElementsMatch(r, through[n], way[1:len(way)-1], "through %s", n)
	}
}
