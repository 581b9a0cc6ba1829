package provision_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// at is an order with a position, which is written "before fw after wo nearest hosts".
func (w *world) at(id topology.InstanceID, position string, networks ...string) provision.ProvisionRequest {
	r := w.order(id, networks...)
	p := positioned(position)
	if len(networks) > 0 {
		p["networks"] = networks
	}
	r.Parameters = raw(p)
	return r
}

func positioned(position string) map[string]any {
	p := map[string]any{}
	words := strings.Fields(position)
	for n := 0; n+1 < len(words); n += 2 {
		p[words[n]] = words[n+1]
	}
	return p
}

func TestPlacesInAChain(t *testing.T) {
	t.Parallel()
	for position, want := range map[string]string{
		"":                               "a b c x",
		"nearest gateway":                "a b c x",
		"nearest hosts":                  "x a b c",
		"before a":                       "x a b c",
		"before b":                       "a x b c",
		"after b":                        "a b x c",
		"after c":                        "a b c x",
		"before c after b":               "a b x c",
		"before c after a":               "a b x c",
		"before c after a nearest hosts": "a x b c",
		"before c nearest hosts":         "x a b c",
		"before c nearest gateway":       "a b x c",
		"after a nearest gateway":        "a b c x",
		"after a nearest hosts":          "a x b c",
	} {
		t.Run(position, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{})
			b := w.broker(t, w.driver)
			for _, id := range []topology.InstanceID{"a", "b", "c"} {
				b.provisioned(t, w.order(id, "lan"))
			}
			b.provisioned(t, w.at("x", position, "lan"))
			way := "host-lan → " + strings.ReplaceAll(want, " ", " → ") + " → gateway"
			require.Equal(t, way, w.path(t, "host-lan"))
			require.Empty(t, w.cloud.Violations())
			if position == "" {
				return
			}
			out, err := b.Update(t.Context(), w.toParameters("x", positioned(position)))
			require.NoError(t, err)
			require.False(t, out.Progress, "it stands there already")
		})
	}
}

// A binding's network has a place of its own, and an update moves it with the others.
func TestPlacesOfBindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("a", "lan", "dmz"))
	b.provisioned(t, w.order("b", "lan", "dmz"))
	b.provisioned(t, w.order("x", "lan"))
	r := w.binding("x", "one", "")
	r.Parameters = raw(map[string]any{"network": "dmz", "after": "a"})
	out, err := b.Bind(t.Context(), r)
	require.NoError(t, err)
	b.wait(t, out.Operation)
	require.Equal(t, "host-lan → a → b → x → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → a → x → b → gateway", w.path(t, "host-dmz"))

	boots := w.cloud.Count(topology.Boot)
	b.updated(t, w.toParameters("x", positioned("before a")))
	require.Equal(t, "host-lan → x → a → b → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → x → a → b → gateway", w.path(t, "host-dmz"))
	require.Equal(t, "the place in the chain is as asked for", b.show(t, "x").Operation.Description)
	require.Equal(t, boots, w.cloud.Count(topology.Boot))
	require.Empty(t, w.cloud.Violations())
}

// What an update could not move stays where it was, bindings' networks too.
func TestPlacesAfterAFailedUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("a", "dmz"))
	b.provisioned(t, w.order("x", "lan"))
	out, err := b.Bind(t.Context(), w.binding("x", "one", "dmz"))
	require.NoError(t, err)
	b.wait(t, out.Operation)
	before := b.show(t, "x")
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Times: -1, Err: fault.New(fault.Full, "no room")})
	r := w.toPlan("x", "large")
	r.Parameters = raw(positioned("nearest hosts"))
	u, err := b.Update(t.Context(), r)
	require.NoError(t, err)
	b.wait(t, u.Operation)
	after := b.show(t, "x")
	require.Equal(t, provision.OpFailed, after.Operation.State)
	require.Equal(t, before.Stitches, after.Stitches)
	require.Equal(t, before.Bindings["one"].Stitch, after.Bindings["one"].Stitch)
	require.Equal(t, "host-dmz → a → x → gateway", w.path(t, "host-dmz"))
}

func TestImpossiblePlacesAreRefusedWithTheChain(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	named := func(id topology.InstanceID, name string, networks ...string) provision.ProvisionRequest {
		r := w.order(id, networks...)
		r.Context = raw(map[string]any{"instance_name": name})
		return r
	}
	b.provisioned(t, named("i1", "wan-opt", "lan"))
	b.provisioned(t, named("i2", "firewall", "lan"))
	b.provisioned(t, named("i3", "twin", "dmz"))
	b.provisioned(t, named("i4", "twin", "dmz"))
	redirected := named("i5", "proxy", "lan")
	redirected.Parameters = raw(map[string]any{"networks": []string{"lan"}, "mode": "redirect"})
	b.provisioned(t, redirected)
	w.network(t, "rival", "rival-lan", 7)
	foreign := w.order("i6", "rival-lan")
	foreign.Tenant = "rival"
	b.provisioned(t, foreign)

	lan := `; network "lan": hosts → wan-opt → firewall → gateway`
	dmz := `; network "dmz": hosts → twin (i3) → twin (i4) → gateway`
	for position, c := range map[string]struct{ network, says string }{
		"before nobody":                  {"lan", `tenant "acme" has no instance "nobody"` + lan},
		"before i6":                      {"lan", `tenant "acme" has no instance "i6"` + lan},
		"after x":                        {"lan", `instance "x" cannot be placed before or after itself` + lan},
		"before twin":                    {"dmz", `tenant "acme" has 2 instances named "twin"; give the id of the one you mean` + dmz},
		"before firewall":                {"dmz", `nothing can be placed before or after "firewall" there: it is not in the chain` + dmz},
		"after proxy":                    {"lan", `nothing can be placed before or after "proxy": flows are redirected to it, so it has no place in a chain` + lan},
		"before wan-opt after firewall":  {"lan", `no place is after "firewall" and before "wan-opt"` + lan},
		"before firewall after firewall": {"lan", `no place is after "firewall" and before "firewall"` + lan},
		"before i1 mode redirect":        {"lan", `instance "x" cannot be placed before or after "i1": flows are redirected to it, so it has no place in a chain` + lan},
		"after i1 ":                      {"", `before and after are about networks, and none is named`},
	} {
		t.Run(position, func(t *testing.T) {
			r := w.at("x", position)
			if c.network != "" {
				r = w.at("x", position, c.network)
			}
			_, err := b.Provision(t.Context(), r)
			require.ErrorIs(t, err, fault.Invalid)
			require.ErrorContains(t, err, c.says)
			_, err = b.Preview(t.Context(), r)
			require.ErrorContains(t, err, c.says)
			_, err = b.Instance(t.Context(), "", "x")
			require.ErrorIs(t, err, fault.NotFound)
		})
	}
	for position, says := range map[string]string{
		"before i1":    `instance "wan-opt" cannot be placed before or after itself` + lan,
		"after proxy":  `"proxy": flows are redirected to it`,
		"before i3":    `nothing can be placed before or after "i3" there: it is not in the chain` + lan,
		"after nobody": `tenant "acme" has no instance "nobody"` + lan,
	} {
		_, err := b.Update(t.Context(), w.toParameters("i1", positioned(position)))
		require.ErrorIs(t, err, fault.Invalid, position)
		require.ErrorContains(t, err, says)
	}
	r := w.binding("i1", "one", "")
	r.Parameters = raw(map[string]any{"network": "dmz", "before": "firewall"})
	_, err := b.Bind(t.Context(), r)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "it is not in the chain"+dmz)
	r.Parameters = raw(map[string]any{"before": "firewall"})
	_, err = b.Bind(t.Context(), r)
	require.ErrorContains(t, err, "none is named")
}

// Requests at the same time for the same place are all carried out, in an order that
// rests on their ids.
func TestTheSamePlaceAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	brokers := []*broker{w.broker(t, w.driver), w.broker(t, w.driver)}
	brokers[0].provisioned(t, w.order("a", "lan"))
	brokers[0].provisioned(t, w.order("z", "lan"))
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			b := brokers[n%2]
			out, err := b.Provision(t.Context(), w.at(topology.InstanceID(fmt.Sprintf("m%d", n)), "before z after a", "lan"))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := b.engine.Wait(t.Context(), out.Operation); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	way := strings.Split(w.path(t, "host-lan"), " → ")
	require.Equal(t, "a", way[1])
	require.Equal(t, "z", way[6])
	require.ElementsMatch(t, []string{"m0", "m1", "m2", "m3"}, way[2:6])
	brokers[1].provisioned(t, w.at("x", "after "+way[2]+" before "+way[3], "lan"))
	require.Equal(t, []string{way[2], "x", way[3]}, strings.Split(w.path(t, "host-lan"), " → ")[2:5])
	require.Empty(t, w.cloud.Violations())
}

// Whatever is placed relative to others stands there when it was asked for, and
// those others keep their order.
func TestAnySequenceOfPlacementsIsKept(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, sim.Options{})
		b := w.broker(t, w.driver)
		defer b.stop()
		var model []string
		for n := range rapid.IntRange(1, 8).Draw(r, "requests") {
			id := fmt.Sprintf("i%d", n)
			moves := len(model) > 1 && rapid.Bool().Draw(r, "a move")
			if moves {
				id = rapid.SampledFrom(model).Draw(r, "of")
			}
			var others []string
			for _, o := range model {
				if o != id {
					others = append(others, o)
				}
			}
			position, slot := anyPosition(r, others)
			if moves {
				out, err := b.Update(t.Context(), w.toParameters(topology.InstanceID(id), positioned(position)))
				require.NoError(r, err)
				if out.Progress {
					b.wait(t, out.Operation)
				}
			} else {
				b.provisioned(t, w.at(topology.InstanceID(id), position, "lan"))
			}
			model = append(append(append([]string{}, others[:slot]...), id), others[slot:]...)
			require.Equal(r, strings.Join(model, " → "), strings.TrimSuffix(strings.TrimPrefix(w.path(t, "host-lan"), "host-lan → "), " → gateway"), position)
		}
		require.Empty(r, w.cloud.Violations())
	})
}

// anyPosition is a possible one among others, and the slot that it means.
func anyPosition(r *rapid.T, others []string) (position string, slot int) {
	first, last := 0, len(others)
	after, before := false, false
	if last > 0 && rapid.Bool().Draw(r, "after") {
		n := rapid.IntRange(0, last-1).Draw(r, "after whom")
		position, first, after = "after "+others[n]+" ", n+1, true
	}
	if first < len(others) && rapid.Bool().Draw(r, "before") {
		last, before = rapid.IntRange(first, len(others)-1).Draw(r, "before whom"), true
		position += "before " + others[last] + " "
	}
	switch end := rapid.SampledFrom([]string{"", "hosts", "gateway"}).Draw(r, "nearest"); {
	case end == "hosts":
		return position + "nearest hosts", first
	case end == "gateway":
		return position + "nearest gateway", last
	case after && !before:
		return position, first
	case !after && !before:
		return "nearest gateway", last
	}
	return position, last
}
