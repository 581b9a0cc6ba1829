//go:build !linux

package sqlitestore

import "os"

// allocate makes a file so long; what is in it stays.
func allocate(f *os.File, size int64) error { return f.Truncate(size) }
