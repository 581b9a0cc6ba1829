package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// inhabit has the brokers make some instances with bindings, remove one, and bill
// them.
func (b *brokers) inhabit() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	b.furnish(3)
	for n := range 3 {
		id := fmt.Sprintf("i-%d", n)
		made, err := b.osb().Provision(ctx, id, b.order(n))
		require.NoError(b.t, err)
		require.NoError(b.t, b.follow(ctx, id, made.Operation))
		_, err = b.osb().Bind(ctx, id, id+"-b", api.OSBBind{ServiceID: string(b.service.ID), PlanID: string(b.service.Plans[0].ID)})
		require.NoError(b.t, err)
	}
	require.Eventually(b.t, func() bool {
		bills, err := b.admin().Bills(ctx, api.BillFilter{})
		billed := map[topology.InstanceID]bool{}
		for _, bill := range bills {
			billed[bill.Instance] = true
		}
		return err == nil && len(billed) == 3
	}, 2*time.Minute, 100*time.Millisecond)
	gone, err := b.osb().Deprovision(ctx, "i-2", string(b.service.ID), string(b.service.Plans[0].ID))
	require.NoError(b.t, err)
	require.NoError(b.t, b.follow(ctx, "i-2", gone.Operation))
}

// check is what store check finds in the brokers' store.
func (b *brokers) check(storeURL string) []store.Finding {
	b.t.Helper()
	out, err := b.run("store", "check", "--data", filepath.Join(b.dir, "data"), "--store", storeURL, "--output", "json")
	found := []store.Finding{}
	require.NoError(b.t, json.Unmarshal(out, &found), "%s", out)
	require.Equal(b.t, len(found) == 0, err == nil, "it exits with 1 when it finds something")
	return found
}

func (b *brokers) migrate(from, to string) []store.Content {
	b.t.Helper()
	out, err := b.run("store", "migrate", from, to, "--output", "json")
	require.NoError(b.t, err)
	var answer moved
	require.NoError(b.t, json.Unmarshal(out, &answer))
	return answer.Collections
}

func TestMigrateThereAndBack(t *testing.T) {
	t.Parallel()
	b := newBrokers(t, 1, "", "BUMPWIRE_METERING_WINDOW=1s")
	b.inhabit()
	require.Empty(t, b.check(""), "while a broker works")
	b.stop()
	require.Empty(t, b.check(""))
	first, last, mongo := filepath.Join(b.dir, "data", "bumpwire.db"), filepath.Join(b.dir, "back.db"), storetest.MongoURI(t)
	there := b.migrate("sqlite:"+first, mongo)
	back := b.migrate(mongo, "sqlite:"+last)
	require.Equal(t, there, back)
	has := map[string]int{}
	for _, c := range back {
		has[c.Collection] = c.Documents
	}
	require.Equal(t, 3, has["instances"])
	for _, c := range []string{"windows", "changes", "lanes", "services", "packages", "users", "platforms", "meta"} {
		require.Positive(t, has[c], c)
	}
	same, err := store.Compare(t.Context(), opened(t, first), opened(t, last), func(string, string, int) {})
	require.NoError(t, err)
	require.Equal(t, there, same)

	// Brokers go on with what was moved, and are backed up while they work.
	require.Empty(t, b.check(mongo))
	b.store = mongo
	b.start()
	all, err := b.admin().Instances(t.Context(), api.InstanceFilter{})
	require.NoError(t, err)
	require.Len(t, all, 2)
	backup := filepath.Join(b.dir, "backup.db")
	_, err = b.run("store", "backup", backup, "--store", mongo)
	require.NoError(t, err)
	b.stop()
	b.store = "sqlite:" + backup
	b.start()
	all, err = b.admin().Instances(t.Context(), api.InstanceFilter{})
	require.NoError(t, err)
	require.Len(t, all, 2)
}

func opened(t *testing.T, path string) store.Archive {
	t.Helper()
	d, err := sqlitestore.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}
