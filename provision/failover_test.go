package provision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// verdict records one and waits until the flows have moved.
func (b *broker) verdict(t testing.TB, id topology.InstanceID, member int, answers bool) {
	t.Helper()
	require.NoError(t, b.find(t.Context(), b.show(t, id), member, answers))
	require.Eventually(t, func() bool { return b.show(t, id).Failover.State != provision.InProgress }, time.Minute, time.Millisecond)
}

// find records what was found about one appliance of an instance.
func (b *broker) find(ctx context.Context, seen provision.Instance, member int, answers bool) error {
	f := provision.Finding{Start: seen.Start(member), Alive: answers}
	if !answers {
		f.Detail = "it is dead"
	}
	return b.Record(ctx, seen, provision.Verdict{Generation: seen.Generation, Members: map[int]provision.Finding{member: f}})
}

func TestAMemberThatDoesNotAnswerLosesItsFlowsAndGetsNewOnesLater(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 3, web, "lan"))
	operation := b.show(t, "lb").Operation
	through := func(members string) {
		require.Equal(t, []string{"lan: outbound tcp port 80, 443-444 through " + members}, w.rules(t))
	}

	require.NoError(t, w.cloud.HangAppliance(tenant, "lb+1"))
	for range 3 {
		b.verdict(t, "lb", 1, false)
		through("lb, lb+2")
	}
	b.verdict(t, "lb", 0, false)
	through("lb+2")
	b.verdict(t, "lb", 2, false)
	through("lb, lb+1, lb+2")
	require.Equal(t, 3, b.show(t, "lb").Failing())
	require.Equal(t, operation, b.show(t, "lb").Operation, "what platforms poll stays")
	b.verdict(t, "lb", 0, true)
	through("lb")
	b.verdict(t, "lb", 2, true)
	through("lb, lb+2")

	var said []string
	for _, e := range b.show(t, "lb").History {
		if strings.HasPrefix(e.Message, "member") {
			said = append(said, e.Message)
		}
	}
	require.Equal(t, []string{`member "lb+1" does not answer`, `member "lb" does not answer`, `member "lb+2" does not answer`,
		`member "lb" answers again`, `member "lb+2" answers again`}, said)

	b.updated(t, w.toPlan("lb", "large"))
	through("lb~1, lb~1+1, lb~1+2")
	require.Zero(t, b.show(t, "lb").Failing(), "nothing is known of the next generation")
	b.removed(t, w.removal("lb", ""))
	w.requireBase(t)
}

// When nobody answers it is as likely the management network that is broken.
func TestTheLastMembersKeepTheirFlows(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, "", "lan"))
	b.verdict(t, "lb", 0, false)
	b.verdict(t, "lb", 1, false)
	require.Equal(t, []string{"lan: everything through lb, lb+1"}, w.rules(t))
	b.provisioned(t, w.redirected("one", 1, "", "dmz"))
	b.verdict(t, "one", 0, false)
	require.Equal(t, "dmz: everything through one", w.rules(t)[1])
}

// A login that was revoked while a member did not answer does not work on it later,
// and one that was made meanwhile does.
func TestAMemberThatReturnsLearnsTheLoginsThatItMissed(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, web, "lan"))
	old := b.bind(t, w.binding("lb", "old", ""))
	b.verdict(t, "lb", 1, false)
	b.unbind(t, w.removal("lb", "old"))
	fresh := b.bind(t, w.binding("lb", "fresh", ""))
	other := b.show(t, "lb").Others[0].Addr().String()
	on := func(c provision.Credentials) bool { c.Host = other; return b.works(t, c) }
	require.True(t, on(old), "it was not asked")
	b.verdict(t, "lb", 1, true)
	require.False(t, on(old))
	require.True(t, on(fresh))
	require.True(t, b.works(t, fresh))
}

// A broker that dies between verdict and change leaves the change to another.
func TestAFailoverIsResumed(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, "", "lan"))
	b.stop()
	require.NoError(t, b.find(context.WithoutCancel(t.Context()), b.show(t, "lb"), 1, false))
	require.Equal(t, []string{"lan: everything through lb, lb+1"}, w.rules(t))
	next := w.broker(t, w.driver)
	require.Eventually(t, func() bool { return next.show(t, "lb").Failover.State == provision.Succeeded }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"lan: everything through lb"}, w.rules(t))
	require.True(t, slices.ContainsFunc(next.show(t, "lb").History, func(e provision.Event) bool {
		return e.Message == fmt.Sprintf("member %q does not answer", "lb+1")
	}))
}
