package mongostore_test

import (
	"testing"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Driver { return storetest.Mongo(t) })
}
