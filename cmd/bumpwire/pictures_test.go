package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// The README's pictures are drawn of what the demo found on real networks, and look
// as the program draws now. `make pictures` plays the demo anew.
func TestPicturesAreFresh(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "docs", "pictures")
	var scenes []topology.Scene
	for _, name := range []string{"before", "after"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".json"))
		require.NoError(t, err)
		d, err := topology.ParseDocument(text)
		require.NoError(t, err)
		scenes = append(scenes, d.Scene)
		drawing := filepath.Join(dir, name+".svg")
		if *update {
			require.NoError(t, os.WriteFile(drawing, topology.SVG(d.Scene), 0o644))
		}
		was, err := os.ReadFile(drawing)
		require.NoError(t, err)
		require.Equal(t, string(topology.SVG(d.Scene)), string(was), "run `make generate`")
	}
	before, err := json.Marshal(scenes[0].Fabric)
	require.NoError(t, err)
	after, err := json.Marshal(topology.Base(scenes[1].Fabric))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "both are of one tenant, and all that was added is the service")
}
