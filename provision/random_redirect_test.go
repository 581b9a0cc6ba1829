package provision_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Whatever is asked for, in either mode, and whichever members answer: the fabric is
// safe after each request, each flow goes to the one instance that asked for it, and
// when all is removed the tenant has what it had.
func TestRandomRedirectsAreSafeAndLeaveNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newRedirectWorld(t, sim.Options{})
		b := w.broker(t, w.driver)
		defer b.stop()
		ids := []topology.InstanceID{"a", "b", "c"}
		for range rapid.IntRange(1, 10).Draw(r, "requests") {
			id := rapid.SampledFrom(ids).Draw(r, "instance")
			p := randomSteering(r)
			switch rapid.SampledFrom([]string{"provision", "provision", "update", "bind", "unbind", "remove", "verdict"}).Draw(r, "request") {
			case "provision":
				q := w.order(id)
				q.Parameters = raw(p)
				finish(t, r, b, func() (provision.Outcome, error) { return b.Provision(t.Context(), q) })
			case "update":
				finish(t, r, b, func() (provision.Outcome, error) { return b.Update(t.Context(), w.toParameters(id, p)) })
			case "bind":
				q := w.binding(id, "x", rapid.SampledFrom([]string{"lan", "dmz"}).Draw(r, "network"))
				finish(t, r, b, func() (provision.Outcome, error) {
					out, err := b.Bind(t.Context(), q)
					return out.Outcome, err
				})
			case "unbind":
				finish(t, r, b, func() (provision.Outcome, error) { return b.Unbind(t.Context(), w.removal(id, "x")) })
			case "remove":
				finish(t, r, b, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.removal(id, "")) })
			case "verdict":
				if _, err := b.Instance(t.Context(), "", id); err == nil {
					b.verdict(t, id, rapid.IntRange(0, 2).Draw(r, "member"), rapid.Bool().Draw(r, "answers"))
				}
			}
			w.requireFlows(t, b, ids)
		}
		for _, id := range ids {
			finish(t, r, b, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.removal(id, "")) })
		}
		w.requireBase(t)
	})
}

func randomSteering(r *rapid.T) map[string]any {
	p := map[string]any{"networks": rapid.SampledFrom([][]string{{"lan"}, {"dmz"}, {"lan", "dmz"}}).Draw(r, "networks")}
	if rapid.IntRange(0, 3).Draw(r, "redirect") == 0 {
		p["mode"] = "in-path"
		return p
	}
	p["mode"] = "redirect"
	p["members"] = rapid.IntRange(1, 3).Draw(r, "members")
	p["match"] = rapid.SampledFrom([]map[string]any{
		{"ports": []int{443}}, {"protocols": []string{"udp"}}, {"protocols": []string{"tcp"}, "ports": []any{"1-100"}}, {"direction": "inbound"}, {},
	}).Draw(r, "match")
	return p
}

// finish carries a request through; what is refused is refused with a reason.
func finish(t *testing.T, r *rapid.T, b *broker, ask func() (provision.Outcome, error)) {
	out, err := ask()
	if err != nil {
		require.Contains(r, []fault.Kind{fault.Invalid, fault.Conflict, fault.Gone, fault.NotFound, fault.Busy}, fault.KindOf(err), "%v", err)
		return
	}
	if out.Progress {
		require.Equal(r, work.Done, b.wait(t, out.Operation).Status)
	}
}

// requireFlows says that each flow goes to who asked for it, and through nobody else
// but those in path.
func (w *world) requireFlows(t *testing.T, b *broker, ids []topology.InstanceID) {
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, topology.Check(f))
	require.Empty(t, w.cloud.Violations())
	for _, network := range []topology.NetworkID{"lan", "dmz"} {
		for _, flow := range []topology.Flow{toWeb, toDNS, {Direction: topology.Inbound, Protocol: topology.TCP, Port: 80}} {
			want := map[topology.InstanceID]bool{}
			for _, id := range ids {
				if i, err := b.Instance(t.Context(), "", id); err == nil && gets(i, network, flow) {
					want[id] = true
				}
			}
			route, open := topology.RouteOf(f, network, flow)
			require.True(t, open)
			got := map[topology.InstanceID]bool{}
			for _, a := range route.Appliances() {
				for _, x := range f.Appliances {
					if x.ID == a {
						got[x.Instance] = true
					}
				}
			}
			require.Equal(t, want, got, "%s: %v", network, flow)
		}
	}
}

// gets says whether an instance's document asks for a flow.
func gets(i provision.Instance, network topology.NetworkID, flow topology.Flow) bool {
	meant := func(own *topology.Classifier) bool {
		switch {
		case i.Mode == topology.InPath:
			return true
		case own != nil:
			return own.Matches(flow)
		}
		return i.Match == nil || i.Match.Matches(flow)
	}
	for _, st := range i.Stitches {
		if st.Network == network {
			return meant(nil)
		}
	}
	x := i.Bindings["x"]
	return x != nil && x.State == provision.Active && x.Stitch != nil && x.Stitch.Network == network && meant(x.Stitch.Match)
}
