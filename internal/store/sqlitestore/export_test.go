package sqlitestore

import (
	"context"
	"time"
)

// OpenFolding opens a store that folds its journal whenever nobody writes for that
// long, and with every write when it has more than so many bytes.
func OpenFolding(ctx context.Context, path string, lull time.Duration, longest int) (*Driver, error) {
	return open(ctx, path, folder{lull: lull, longest: longest})
}
