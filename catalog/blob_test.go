package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/catalog/blobtest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) catalog.Blobs {
		b, err := catalog.OpenFolder(t.TempDir())
		require.NoError(t, err)
		return b
	}, 64<<10, 200<<10)
}
