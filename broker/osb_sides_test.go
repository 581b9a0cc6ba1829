package broker_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/ovf"
)

func TestASymmetricServiceIsOrderedBySides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order()
	var ova bytes.Buffer
	_, err := ovf.Build(context.Background(), filepath.Join("..", "testdata", "optimiser"), &ova, ovf.BuildOptions{})
	require.NoError(t, err)
	pushed, err := w.admin.Push(t.Context(), "example", &ova, -1, nil)
	require.NoError(t, err)
	w.service, err = w.admin.Publish(t.Context(), string(pushed.Service.ID), api.Publication{})
	require.NoError(t, err)
	order["service_id"], order["plan_id"] = w.service.ID, w.service.Plans[0].ID

	on := func(network string) map[string]any { return map[string]any{"networks": []string{network}} }
	for says, sides := range map[string]map[string]any{
		`has no side "moon"; its sides are branch, datacenter`: {"branch": on("lan"), "moon": on("dmz")},
		`side "datacenter" is missing`:                         {"branch": on("lan")},
		`network "lan" already passes through`:                 {"branch": on("lan"), "datacenter": on("lan")},
	} {
		order["parameters"] = map[string]any{"sides": sides}
		r := w.put(one+incomplete, order)
		require.Equal(t, 400, r.status, says)
		require.Contains(t, r.body["description"], says)
		require.Equal(t, 404, w.get(one).status)
	}
	order["parameters"] = map[string]any{"sides": map[string]any{"branch": on("lan"), "datacenter": on("dmz")}}
	require.Equal(t, 202, w.put(one+incomplete, order).status)
	w.run()
	w.settled(one, "succeeded")
	require.Equal(t, 200, w.put(one+incomplete, order).status, "the same again")
	require.Contains(t, w.get(one).text, `"sides":{"branch":{"networks":["lan"]},"datacenter":{"networks":["dmz"]}}`)
}
