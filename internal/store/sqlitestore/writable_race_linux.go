//go:build race

package sqlitestore

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writable says whether the file of a mapping can still be written. The race detector
// writes atomic counters from C, where a fault ends the program whatever it asked for, so
// the system is asked first. Kernels before 5.14 do not answer.
func writable(mapped []byte) error {
	if len(mapped) == 0 {
		return nil
	}
	if err := unix.Madvise(mapped, unix.MADV_POPULATE_WRITE); !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}
