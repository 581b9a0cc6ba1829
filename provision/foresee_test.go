package provision_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// wary is a cloud on which something of the tenant's own may be in the way.
type wary struct {
	cloud.Cloud
	notes []string
	err   error
}

func (w wary) Foresee(_ context.Context, _ topology.TenantID, steps []topology.Step) ([]string, error) {
	for _, s := range steps {
		if s.Verb == topology.Move {
			return w.notes, w.err
		}
	}
	return nil, nil
}

// What is in the way stops a plan before its first step, and a preview says it.
func TestWhatIsInTheWayStopsAPlanBeforeItsFirstStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.through = wary{Cloud: w.steady(), err: fault.New(fault.Conflict, "a floating IP leans on the gateway")}
	b := w.broker(t, w.driver)
	_, err := b.Preview(t.Context(), w.order("fw", "lan"))
	require.ErrorIs(t, err, fault.Conflict)
	made := len(w.cloud.Calls())
	out, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	require.NotEqual(t, work.Done, b.wait(t, out.Operation).Status)
	for _, c := range w.cloud.Calls()[made:] {
		require.Equal(t, sim.Observe, c.Verb)
	}
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Contains(t, i.History[len(i.History)-1].Message, "a floating IP leans on the gateway")
}

func TestAPreviewSaysWhatElseThePlanTouches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.through = wary{Cloud: w.steady(), notes: []string{"A route is taken off."}}
	b := w.broker(t, w.driver)
	p, err := b.Preview(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	require.Equal(t, []string{"A route is taken off."}, p.Notes)
	require.Contains(t, p.Text(), "To know\n\nA route is taken off.\n")
	b.provisioned(t, w.order("fw", "lan"))
}
