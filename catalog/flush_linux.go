package catalog

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginFlush starts writing a range to disk and does not wait. A failure is no
// matter: the Sync at the end does the same and reports.
func beginFlush(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}
