//go:build race

package sqlitestore

import (
	"errors"
	"syscall"
)

// populateWrite is MADV_POPULATE_WRITE of madvise(2): be as if all was written to, and
// fail where a write would be a fault.
const populateWrite = 23

// writable says whether the file of a mapping can still be written. The race detector
// writes atomic counters from C, where a fault ends the program whatever it asked for, so
// the system is asked first. Kernels before 5.14 do not answer.
func writable(mapped []byte) error {
	if len(mapped) == 0 {
		return nil
	}
	if err := syscall.Madvise(mapped, populateWrite); !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
