//go:build linux

package linux

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// namesDir is where namespaces get their names. The ip command looks into
// /run/netns only; where that cannot be had (an ordinary user on a machine that
// never used it) names live beside the disks.
func namesDir(dir string) string {
	const shown = "/run/netns"
	if err := os.MkdirAll(shown, 0o755); err == nil && unix.Access(shown, unix.W_OK) == nil {
		return shown
	}
	return filepath.Join(dir, "netns")
}

// within runs f on a thread of its own inside the named namespace. The thread
// is thrown away afterwards instead of being led back: inside a user namespace
// the way back to the machine's own network is forbidden, and a thread that
// failed to return must never serve another goroutine. Sockets opened and
// processes started by f stay in the namespace.
//
// The error is a noNamespace when there is none, also when only its name was made
// before a crash.
func (c *Cloud) within(name string, f func() error) error {
	ns, err := unix.Open(filepath.Join(c.names, name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return noNamespace(name)
	}
	if err != nil {
		return fmt.Errorf("cannot open namespace %q: %w", name, err)
	}
	defer unix.Close(ns)
	return onThread(func() error {
		if err := unix.Setns(ns, unix.CLONE_NEWNET); errors.Is(err, unix.EINVAL) {
			return noNamespace(name)
		} else if err != nil {
			return fmt.Errorf("cannot enter namespace %q: %w", name, err)
		}
		return f()
	})
}

// noNamespace names a namespace that is not there.
type noNamespace string

func (n noNamespace) Error() string { return fmt.Sprintf("there is no namespace %q", string(n)) }

func isNoNamespace(err error) bool {
	var n noNamespace
	return errors.As(err, &n)
}

// onThread runs f on a thread that ends with it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("ended early by runtime.Goexit")
		defer func() { done <- err }()
		runtime.LockOSThread() // never unlocked: the thread dies with this goroutine
		err = f()
	}()
	return <-done
}

// makeNamespace makes a namespace with its tag, or completes one that was begun.
func (c *Cloud) makeNamespace(name string, t tag) error {
	err := c.within(name, func() error { return c.furnish(t) })
	if !isNoNamespace(err) {
		return err
	}
	if err := c.removeNamespace(name); err != nil {
		return err
	}
	if err := os.MkdirAll(c.names, 0o755); err != nil {
		return noSpace(err)
	}
	path := filepath.Join(c.names, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return fmt.Errorf("cannot name namespace %q: %w", name, noSpace(err))
	}
	f.Close()
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("cannot make namespace %q: %w", name, err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "bind", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot bind namespace %q: %w", name, err)
		}
		return c.furnish(t)
	})
}

// furnish tags the namespace that the thread is in, by its loopback link.
func (c *Cloud) furnish(t tag) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	return c.setTag(lo, t)
}

// removeNamespace removes a namespace and all links in it; absent is no error.
func (c *Cloud) removeNamespace(name string) error {
	path := filepath.Join(c.names, name)
	// A name that was bound twice by a crash between two brokers is unbound twice.
	for {
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("cannot unbind namespace %q: %w", name, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove namespace %q: %w", name, err)
	}
	return nil
}

// namespaces are the names of this scope's namespaces that start so.
func (c *Cloud) namespaces(prefix string) ([]string, error) {
	entries, err := os.ReadDir(c.names)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// everyNamespace are all names of this scope. A scope holds no dash, so another
// scope's names never start so.
func (c *Cloud) everyNamespace() ([]string, error) { return c.namespaces("bw-" + c.scope + "-") }

// tenantNamespaces are the names of one tenant: its fabric, gateway and hosts.
func (c *Cloud) tenantNamespaces(t topology.TenantID) ([]string, error) {
	fabric := c.fabricName(t)
	names, err := c.namespaces(fabric)
	kept := names[:0]
	for _, n := range names {
		if n == fabric || strings.HasPrefix(n, fabric+"-") {
			kept = append(kept, n)
		}
	}
	return kept, err
}

// sysctl sets a network knob of the namespace that the thread is in. A knob
// that this kernel lacks is no error: what it would switch off is not there.
func sysctl(knob, value string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net", knob), []byte(value), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
