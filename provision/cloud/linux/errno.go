//go:build linux

package linux

import (
	"cmp"
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func compare[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// isFull says whether an error means that the disk or a quota is full.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// isGone says whether a link vanished before it could be removed.
func isGone(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing) || errors.Is(err, unix.ENODEV)
}
