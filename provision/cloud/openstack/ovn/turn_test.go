package ovn

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// ruled is a world with a rule's segments: in0 and out0, in1 and out1, in2 and out2.
func ruled(t *testing.T) *world {
	w := newWorld(t)
	for n := range 3 {
		w.AddNetwork(fmt.Sprintf("in%d", n))
		w.AddNetwork(fmt.Sprintf("out%d", n))
	}
	return w
}

func memberAt(n int) Member {
	return Member{ID: fmt.Sprintf("a%d", n), Inside: fmt.Sprintf("in%d", n), Outside: fmt.Sprintf("out%d", n)}
}

var four = Flow{From: "ip4.src == {10.1.0.0/24}", To: "ip4.dst == {10.1.0.0/24}"}

func ruleOf(id string, members ...int) Rule {
	r := Rule{ID: id, Tenant: "acme", Router: "r", Facts: `"` + id + `"`, Flows: []Flow{four, {Six: true, From: "ip6.src == {fd00::/64}", To: "ip6.dst == {fd00::/64}"}}}
	for _, n := range members {
		r.Members = append(r.Members, memberAt(n))
	}
	return r
}

// of are the rows of a table.
func (w *world) of(table string) (list []string) {
	for _, r := range w.All() {
		if strings.HasPrefix(r, table+" ") {
			list = append(list, r)
		}
	}
	return list
}

func TestARuleComesChangesAndGoes(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	before := w.All()
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
	require.Len(t, w.of("Logical_Router_Port"), 1+4, "two ports at each member")
	require.Len(t, w.of("Static_MAC_Binding"), 8, "a next hop of each version of IP at each port")
	require.Len(t, w.of("Logical_Router_Policy"), 1+2*2*2+1, "two ways, two members, two versions; what keeps it, and the guard")
	kept, err := w.n.Rules(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, []Kept{{ID: "one", Tenant: "acme", Router: "r", Facts: `"one"`, Members: []string{"a0", "a1"}}}, kept)
	other, err := w.n.Rules(t.Context(), "other")
	require.NoError(t, err)
	require.Empty(t, other)

	made, changes := w.All(), w.Changes()
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
	require.Equal(t, made, w.All())
	require.Equal(t, changes, w.Changes(), "again it does nothing")

	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 1)))
	require.Len(t, w.of("Logical_Router_Port"), 1+4, "packets may be on their way through the other one")
	kept, err = w.n.Rules(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"a1"}, kept[0].Members)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 2)))
	require.Len(t, w.of("Logical_Router_Port"), 1+4, "by now there are none")

	require.NoError(t, w.n.DropRule(t.Context(), "r", "one"))
	require.Empty(t, w.of("Logical_Router_Policy"))
	require.NoError(t, w.n.DropRule(t.Context(), "r", "one"))
	for n := range 3 {
		require.NoError(t, w.n.Forget(t.Context(), fmt.Sprintf("in%d", n)))
		require.NoError(t, w.n.Forget(t.Context(), fmt.Sprintf("out%d", n)))
	}
	require.Equal(t, before, w.All())
	require.NoError(t, w.n.DropRule(t.Context(), "nowhere", "one"))
}

// Each change is one transaction: there is no moment at which a part of a rule holds.
func TestARuleChangesInOneTransaction(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{false, true} {
		w := ruled(t)
		require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0)))
		before := w.All()
		w.Fail(0, effect)
		require.ErrorIs(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)), fault.Unavailable)
		if !effect {
			require.Equal(t, before, w.All())
		}
		require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
		once := w.All()
		require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
		require.Equal(t, once, w.All())
	}
}

func TestWithoutMembersFlowsStop(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one")))
	for _, row := range w.of("Logical_Router_Policy") {
		if strings.Contains(row, "10.1.0.0/24") {
			require.Contains(t, row, "action:drop")
		}
	}
	require.Len(t, w.of("Logical_Router_Policy"), 1+4+1)
	require.Len(t, w.of("Logical_Router_Port"), 1)
}

// The guard has the addresses of the router, and the ports of all members; with the
// last rule it goes.
func TestRulesOfARouterShareTheirMembersAndTheGuard(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0)))
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("two", 0, 1)))
	require.Len(t, w.of("Logical_Router_Port"), 1+4)
	guards := 0
	for _, row := range w.of("Logical_Router_Policy") {
		if strings.Contains(row, "inport") {
			guards++
			require.Equal(t, 4, strings.Count(row, `"bumpwire-turn-`))
			require.Contains(t, row, "ip4.src == {10.1.0.1} || ip4.dst == {10.1.0.1}")
			require.NotContains(t, row, "169.254")
		}
	}
	require.Equal(t, 1, guards)
	require.Len(t, priorities(w), 4, "each rule has two of its own")
	require.NoError(t, w.n.DropRule(t.Context(), "r", "one"))
	require.Len(t, priorities(w), 2)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("three", 0)))
	require.Len(t, priorities(w), 4)
	require.NoError(t, w.n.DropRule(t.Context(), "r", "two"))
	require.NoError(t, w.n.DropRule(t.Context(), "r", "three"))
	require.Empty(t, w.of("Logical_Router_Policy"))
}

// priorities are the different ones of what sends flows somewhere.
func priorities(w *world) map[string]bool {
	found := map[string]bool{}
	for _, row := range w.of("Logical_Router_Policy") {
		if strings.Contains(row, "reroute") {
			found[row[strings.Index(row, "priority:"):]] = true
		}
	}
	return found
}

// What Neutron takes away is not looked for, and what it leaves is taken off.
func TestNothingIsLeftOfARouterOrNetworkThatIsGone(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0)))
	w.RemoveRouter("r")
	kept, err := w.n.Rules(t.Context(), "acme")
	require.NoError(t, err)
	require.Empty(t, kept)
	require.NoError(t, w.n.DropRule(t.Context(), "r", "one"))
	w.RemoveNetwork("out0")
	for _, id := range []string{"in0", "out0"} {
		require.NoError(t, w.n.Forget(t.Context(), id))
	}
	require.Empty(t, w.of("Logical_Router_Port"))
	left := w.of("Static_MAC_Binding")
	require.Len(t, left, 2, "of the port that went with both its router and its network")

	w = ruled(t)
	before := w.All()
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0)))
	w.RemoveNetwork("in0")
	require.NoError(t, w.n.DropRule(t.Context(), "r", "one"))
	for _, id := range []string{"in0", "out0"} {
		require.NoError(t, w.n.Forget(t.Context(), id))
	}
	w.AddNetwork("in0")
	require.Equal(t, before, w.All())
}

// A router that has lost a port at a member, as when Neutron is told to repair, has not
// got that member; the rule set again makes it whole.
func TestALostPortIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
	whole := w.All()
	in, out := endNames(turnName("scope", "r", memberAt(0)))
	for what, lose := range map[string]func(){
		"at the router":   func() { w.DropLeg("r", in) },
		"at the switch":   func() { w.RemovePort(peerName(out), "out0") },
		"both, of either": func() { w.DropLeg("r", in); w.DropLeg("r", out) },
	} {
		lose()
		kept, err := w.n.Rules(t.Context(), "acme")
		require.NoError(t, err)
		require.Equal(t, []string{"a1"}, kept[0].Members, what)
		require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0, 1)))
		require.Equal(t, whole, w.All(), what)
	}
}

func TestWhatOVNDoesNotHaveIsRefused(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	before := w.All()
	r := ruleOf("one", 0)
	r.Router = "other"
	require.ErrorIs(t, w.n.SetRule(t.Context(), r), fault.Conflict)
	r = ruleOf("one", 7)
	err := w.n.SetRule(t.Context(), r)
	require.ErrorIs(t, err, fault.Conflict)
	require.Contains(t, fault.Message(err), "network out7 is not in OVN's")
	require.Equal(t, before, w.All())
}

// Another broker's rules at the same router are left alone, and what comes back from its
// members is not redirected.
func TestRulesOfAnotherScopeAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	other := *w.n
	other.scope = "other"
	require.NoError(t, other.SetRule(t.Context(), ruleOf("theirs", 0)))
	theirs := w.All()
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("ours", 1)))
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("ours", 2)))
	name := turnName("other", "r", memberAt(0))
	guarded := 0
	for _, row := range w.of("Logical_Router_Policy") {
		if strings.Contains(row, "inport") && strings.Contains(row, name) {
			guarded++
		}
	}
	require.Equal(t, 2, guarded)
	require.NoError(t, w.n.DropRule(t.Context(), "r", "ours"))
	for _, id := range []string{"in0", "out0", "in1", "out1", "in2", "out2"} {
		require.NoError(t, w.n.Forget(t.Context(), id))
	}
	require.Equal(t, theirs, w.All())
}

// A rule and a plug that moves do not meet: stand-ins are counted without a rule's ports.
func TestAPlugMovesBesideARule(t *testing.T) {
	t.Parallel()
	w := ruled(t)
	require.NoError(t, w.n.SetRule(t.Context(), ruleOf("one", 0)))
	before := w.All()
	require.NoError(t, w.n.Hold(t.Context(), plugAt("p1", "v"), "g"))
	left, err := w.n.Left(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.NoError(t, w.n.Settle(t.Context(), plugAt("p1", "v")))
	require.Equal(t, before, w.All())
}

func TestBucketsAreDealtOut(t *testing.T) {
	t.Parallel()
	var members []Member
	was := map[int]string{}
	for n := range 8 {
		members = append(members, memberAt(n))
		now := map[int]string{}
		for i, of := range share(members) {
			require.NotEmpty(t, of, "of %d members each has a share", len(members))
			for _, b := range of {
				require.NotContains(t, now, b)
				now[b] = members[i].ID
			}
		}
		require.Len(t, now, buckets)
		for b, id := range was {
			require.Contains(t, []string{id, memberAt(n).ID}, now[b], "one that comes, or goes, moves nobody else's")
		}
		was = now
	}
	require.Empty(t, share(nil))
	require.Equal(t, "m", within("m", "ip4.src", share(members[:1])[0]))
	require.Equal(t, "m && ip6.dst[0..5] == {1, 5}", within("m", "ip6.dst", []int{1, 5}))
}

// No two ports of a router's turns have an address in common, nor one that it has else.
func TestTurnsHaveAddressesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for slot := range turnMost {
		in, out := ends(turn{slot: slot, name: fmt.Sprint(slot)}, Member{})
		for _, e := range []end{in, out} {
			for _, a := range append(e.address[:], e.next[:]...) {
				require.False(t, seen[a.String()], a)
				seen[a.String()] = true
			}
		}
	}
	require.True(t, seen["169.254.64.1"] && seen["169.254.127.254"])
	in, out := ends(turn{name: "a"}, Member{})
	require.NotEqual(t, in.mac, out.mac)
	hardware, err := net.ParseMAC(in.mac)
	require.NoError(t, err)
	require.Equal(t, byte(2), hardware[0]&3, "one card's, of local administration")
}
