package metering_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// retained forgets after ten days, so that a test is not long.
var retained = metering.Config{Window: 24 * time.Hour, RetainNames: 240 * time.Hour}

// named is an instance of January that Alice had, and its statement with a credit that names her.
func named(t *testing.T, s *store.Store, c metering.Config) *metering.Meter {
	t.Helper()
	i := instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")
	i.Name, i.State, i.Context = "alice's firewall", provision.Deleted, json.RawMessage(`{"organization_name":"alice"}`)
	i.History[0].By, i.History[0].For = "tenant/alice", "cloudfoundry/alice"
	require.NoError(t, provision.Documents(s).Create(t.Context(), "i", i))
	m := newMeter(t, s, documents{s}, graduatedRequests(), c)
	_, err := m.SetTax(t.Context(), tax("VAT", "19", ""))
	require.NoError(t, err)
	time.Sleep(february - time.Hour)
	_, err = m.Report(t.Context(), "i", events("a requests 150 2000-01-05T00:00:00Z"))
	require.NoError(t, err)
	granted := credit("g", "5")
	granted.Reason = "alice was right"
	_, err = m.Grant(t.Context(), granted)
	require.NoError(t, err)
	time.Sleep(time.Hour)
	require.Equal(t, 1, issueAll(t, m))
	return m
}

// documents are the instances of a store.
type documents struct{ s *store.Store }

func (d documents) All(ctx context.Context) iter.Seq2[provision.Instance, error] {
	return provision.Documents(d.s).All(ctx, "", "")
}

func (d documents) Of(ctx context.Context, _ topology.TenantID) iter.Seq2[provision.Instance, error] {
	return d.All(ctx)
}

func (d documents) Get(ctx context.Context, id topology.InstanceID) (provision.Instance, error) {
	return provision.Documents(d.s).Get(ctx, string(id))
}

// exported is a statement in all its forms, and what else there is of its month.
func exported(t *testing.T, m *metering.Meter, number int) string {
	t.Helper()
	s, err := m.Statement(t.Context(), number)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, json.NewEncoder(&b).Encode(s))
	require.NoError(t, s.WriteLines(&b))
	require.NoError(t, seller.WriteStatement(&b, s))
	require.NoError(t, focus.Write(&b, seller.LineCharges(s.Lines, s.Period)))
	bills, err := m.Bills(t.Context(), metering.Filter{})
	require.NoError(t, err)
	require.NotEmpty(t, bills)
	require.NoError(t, metering.WriteJSON(&b, bills))
	require.NoError(t, metering.WriteCSV(&b, bills))
	require.NoError(t, focus.Write(&b, seller.Charges(bills)))
	require.NoError(t, seller.WriteHTML(&b, bills))
	usage, err := m.Usage(t.Context(), metering.Filter{})
	require.NoError(t, err)
	credits, err := m.Credits(t.Context(), "")
	require.NoError(t, err)
	for _, v := range []any{usage, credits} {
		require.NoError(t, json.NewEncoder(&b).Encode(v))
	}
	return b.String()
}

// everything is all documents, as they are stored.
func everything(t *testing.T, s *store.Store) string {
	t.Helper()
	var b bytes.Buffer
	for _, name := range []string{"instances", "tallies", "credits", "statements", "statement-pages"} {
		for doc, err := range store.In[json.RawMessage](s, name, nil).All(t.Context(), "", "") {
			require.NoError(t, err)
			b.Write(doc)
		}
	}
	return b.String()
}

func TestNamesAreErasedWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := named(t, s, retained)
		before, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		require.Contains(t, exported(t, m, 1), "Credit: alice was right")
		require.Contains(t, exported(t, m, 1), "alice's firewall")
		e, err := m.Forget(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{1, 0, 0}, []int{e.Instances, e.Credits, e.Kept}, "who asked a month ago; the rest is not that old")
		require.Contains(t, everything(t, s), "alice's firewall")

		time.Sleep(15 * 24 * time.Hour)
		e, err = m.Forget(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{1, 1, 0}, []int{e.Instances, e.Credits, e.Kept})
		require.NotContains(t, everything(t, s), "alice")
		text := exported(t, m, 1)
		require.NotContains(t, text, "alice")
		require.Contains(t, text, "Credit: g,")
		requireSound(t, m, 1)
		after, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, before.Hash, after.Hash)
		requireSameJSON(t, before.Totals, after.Totals)
		require.NoError(t, err)
		x, err := m.Explain(t.Context(), 1, after.Lines[2].ID)
		require.NoError(t, err)
		require.True(t, x.Matches, "usage is what it was")

		again := credit("g", "5")
		again.Reason = "alice was right"
		_, err = m.Grant(t.Context(), again)
		require.NoError(t, err, "the same again changes nothing, still")
		require.NotContains(t, everything(t, s), "alice")
		other := credit("g", "6")
		_, err = m.Grant(t.Context(), other)
		require.ErrorIs(t, err, fault.Conflict)

		e, err = m.Forget(t.Context())
		require.NoError(t, err)
		require.Zero(t, e, "once a day")
		entries, err := m.Erasures(t.Context())
		require.NoError(t, err)
		require.Len(t, entries, 2)
	})
}

func TestNamesStayWithoutASetting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := named(t, s, daily)
		time.Sleep(400 * 24 * time.Hour)
		e, err := m.Forget(t.Context())
		require.NoError(t, err)
		require.Zero(t, e)
		require.Contains(t, exported(t, m, 1), "alice was right")
		require.NoError(t, m.RunForgetting(t.Context()))
	})
}

// Whatever the store has in place of a reason that was issued, it is found, unless it says that the reason was erased.
func TestAReasonThatWasAlteredIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := named(t, s, retained)
		requireSound(t, m, 1)
		alterLedger(t, s, func(l map[string]any) { l["credits"].([]any)[0].(map[string]any)["reason"] = "bob was right" })
		chain, err := m.Verify(t.Context())
		require.NoError(t, err)
		require.Equal(t, []metering.ChainFinding{{Number: 1, Message: `the reason of credit "g" is not the one that was issued`}}, chain.Findings)
	})
}

// Of several brokers one does it, and one that dies leaves the rest to the others.
func TestNamesAreErasedByOneBrokerAndAfterACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		first := named(t, s, retained)
		for n := range 20 {
			i := instance(fmt.Sprintf("x%d", n), "2000-01-01T00:00:00Z active s", "2000-01-02T00:00:00Z deleted s")
			i.Name, i.State = "alice's", provision.Deleted
			require.NoError(t, provision.Documents(s).Create(t.Context(), string(i.ID), i))
		}
		time.Sleep(15 * 24 * time.Hour)
		died, end := context.WithCancel(t.Context())
		end()
		_, err := first.Forget(died)
		require.Error(t, err)
		var all sync.WaitGroup
		count := make(chan metering.Erasure, 3)
		for range 3 {
			m := newMeter(t, s, documents{s}, graduatedRequests(), retained)
			all.Go(func() {
				e, err := m.Forget(context.Background())
				if err != nil {
					t.Error(err)
				}
				count <- e
			})
		}
		all.Wait()
		close(count)
		did, instances := 0, 0
		for e := range count {
			if !e.At.IsZero() {
				did++
			}
			instances += e.Instances
		}
		require.Equal(t, []int{1, 21}, []int{did, instances})
		require.NotContains(t, everything(t, s), "alice")
	})
}

// alterLedger alters what is stored of tenant-a's credits.
func alterLedger(t *testing.T, s *store.Store, alter func(map[string]any)) {
	t.Helper()
	id := sha256.Sum256([]byte("8:tenant-a"))
	_, err := store.In[map[string]any](s, "credits", nil).Update(t.Context(), hex.EncodeToString(id[:16]), func(l map[string]any) (map[string]any, error) {
		alter(l)
		return l, nil
	})
	require.NoError(t, err)
}

// Older versions had the reason in the line itself: without it the line would not be what was issued.
func TestAReasonThatAnOlderVersionGrantedStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, &fleet{list: ended()}, listPrices, retained)
		_, err := m.Grant(t.Context(), credit("g", "5"))
		require.NoError(t, err)
		alterLedger(t, s, func(l map[string]any) { delete(l, "salts") })
		_, err = m.Grant(t.Context(), credit("h", "5"))
		require.NoError(t, err)
		time.Sleep(february)
		require.Equal(t, 1, issueAll(t, m))
		time.Sleep(20 * 24 * time.Hour)
		e, err := m.Forget(t.Context())
		require.NoError(t, err)
		require.Equal(t, []int{1, 1}, []int{e.Credits, e.Kept})
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, []string{"we are sorry", "h"}, []string{first.Lines[0].Reason, first.Lines[1].Reason})
		require.Empty(t, first.Lines[0].ReasonDigest)
		requireSound(t, m, 1)
	})
}

// An id that is used again has had other names, of which only the last stands in the instance.
func TestTheNameOfAFormerInstanceIsErasedWhileAnotherHasItsID(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		i := instance("i", "2000-01-01T00:00:00Z active s")
		i.Name, i.State = "alice's", provision.Active
		require.NoError(t, provision.Documents(s).Create(t.Context(), "i", i))
		m := newMeter(t, s, documents{s}, graduatedRequests(), retained)
		time.Sleep(3 * 24 * time.Hour)
		_, err := m.Report(t.Context(), "i", events("a requests 7 2000-01-02T00:00:00Z"))
		require.NoError(t, err)
		require.Zero(t, issueAll(t, m))
		again := instance("i", "2000-01-01T00:00:00Z active s", "2000-01-04T00:00:00Z deleted s", "2000-01-05T00:00:00Z active s")
		again.Name, again.State = "bob's", provision.Active
		_, err = provision.Documents(s).Update(t.Context(), "i", func(provision.Instance) (provision.Instance, error) { return again, nil })
		require.NoError(t, err)
		require.Contains(t, everything(t, s), "alice's")
		time.Sleep(20 * 24 * time.Hour)
		_, err = m.Forget(t.Context())
		require.NoError(t, err)
		require.NotContains(t, everything(t, s), "alice's")
		require.Contains(t, everything(t, s), "bob's", "who is still there")
	})
}
