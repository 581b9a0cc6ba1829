package sqlitestore

import (
	"errors"
	"os"
	"syscall"
)

// allocate makes a file so long and gives it its space on the disk, so that to write
// to it in memory needs none: on a full disk that would kill the process. What is in
// the file stays. File systems that cannot leave holes in it.
func allocate(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return f.Truncate(size)
	}
	return err
}
