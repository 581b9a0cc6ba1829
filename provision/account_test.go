package provision_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// had is an instance that belonged to tenants, one after the other, and was the last's since.
func had(id topology.InstanceID, state provision.State, payer provision.Payer, tenants ...topology.TenantID) provision.Instance {
	i := provision.Instance{ID: id, State: state}
	for n, tenant := range tenants {
		i.Tenant = tenant
		i.History = append(i.History, provision.Event{Seq: n + 1, State: state, Tenant: tenant, Bill: payer})
	}
	return i
}

func TestWhatAnAccountIsBilledForIsFoundOnce(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	for _, i := range []provision.Instance{
		had("live", provision.Active, "", "a"), had("gone", provision.Deleted, "", "a"),
		had("given-on", provision.Active, "", "a", "b"), had("back", provision.Active, "", "a", "b", "a"),
		had("provided", provision.Active, provision.OperatorPays, "b"), had("odd", provision.Active, "", "x=y", "b"),
	} {
		require.NoError(t, provision.Documents(s).Create(t.Context(), string(i.ID), i))
	}
	quiet := slog.New(slog.DiscardHandler)
	service := provision.New(provision.Config{Store: s, Log: quiet, Engine: work.New(s, quiet, work.Options{})})
	for account, want := range map[topology.TenantID][]topology.InstanceID{
		"a": {"live", "gone", "given-on", "back"}, "b": {"given-on", "back", "provided", "odd"}, "x=y": {"odd"},
		provision.OperatorAccount: {"provided"}, "nobody": nil,
	} {
		var found []topology.InstanceID
		for i, err := range service.Of(t.Context(), account) {
			require.NoError(t, err)
			found = append(found, i.ID)
		}
		require.ElementsMatch(t, want, found, account)
	}
}
