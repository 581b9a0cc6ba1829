package provision_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// cramped is a cloud in which there is room for so many vCPUs at a time.
type cramped struct {
	cloud.Cloud
	vcpus int
}

func (c cramped) Afford(_ context.Context, steps []topology.Step, machines map[topology.ApplianceID]cloud.Server) error {
	for _, m := range machines {
		if m.VCPUs > c.vcpus {
			return fault.New(fault.Full, "quota for vCPUs is %d, 0 used, this plan needs %d", c.vcpus, m.VCPUs)
		}
	}
	return nil
}

func TestWhatTheCloudHasNoRoomForIsNotBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("there"))
	w.through = cramped{w.steady(), 0}
	b.stop()
	full := w.broker(t, w.driver)
	const sentence = "quota for vCPUs is 0, 0 used, this plan needs 1"

	_, err := full.Preview(t.Context(), w.order("fw"))
	require.ErrorIs(t, err, fault.Full)
	require.Equal(t, sentence, fault.Message(err))

	before, err := w.cloud.Resources(t.Context())
	require.NoError(t, err)
	out, err := full.Provision(t.Context(), w.order("fw"))
	require.NoError(t, err)
	full.wait(t, out.Operation)
	i, err := full.Instance(t.Context(), "", "fw")
	require.NoError(t, err)
	require.Equal(t, provision.Failed, i.State)
	require.Contains(t, i.Operation.Description, sentence)
	after, err := w.cloud.Resources(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after, "nothing is made")

	full.removed(t, w.removal("there", "")) // giving up needs no room
	w.requireBase(t)
}
