//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// entered marks a program that runs inside the user namespace already.
const entered = "BUMPWIRE_IN_USER_NAMESPACE"

const holderPatience = 5 * time.Second

// Enter lets an ordinary user use this cloud. Where the process may make network
// namespaces, it does nothing. Otherwise it starts the program anew, with the
// same arguments, inside a user namespace of its own in which it is root over its
// own namespaces; then it does not return. Call it first thing in main.
//
// The user and mount namespaces are kept by a process that sleeps (its id is in
// Options.Dir, given here as dir), so that a later program finds the same named
// network namespaces; Sweep ends it. The program stays in the machine's network,
// so it listens and connects as usual; only the clouds' networks are apart.
//
// Go cannot join a user namespace in a running program, which has threads; hence
// nsenter and the new start. Unavailable, with the remedy, when this machine
// forbids it.
func Enter(ctx context.Context, dir string) error {
	if os.Getenv(entered) != "" || mayUnshare() == nil {
		return nil
	}
	if p, ok := userNamespaceProblem(); ok {
		return fault.New(fault.Unavailable, "%s; remedy: %s", p.What, p.Remedy)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return noSpace(err)
	}
	holder, err := holdNamespace(ctx, dir)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot enter a user namespace: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	// Entering a mount namespace leads to its root, so the shell leads back.
	args := append([]string{"nsenter", "--user", "--mount", "--preserve-credentials", "--target", strconv.Itoa(holder), "--",
		"sh", "-c", `cd "$0" && exec "$@"`, here, self}, os.Args[1:]...)
	return syscall.Exec(nsenter, args, append(os.Environ(), entered+"=1"))
}

// mayUnshare says whether this process may make network namespaces.
func mayUnshare() error {
	return onThread(func() error { return unix.Unshare(unix.CLONE_NEWNET) })
}

// holdNamespace finds the process that keeps the user namespace, or starts it.
func holdNamespace(ctx context.Context, dir string) (pid int, err error) {
	if p, ok := openHolder(dir); ok {
		p.close()
		return p.pid, nil
	}
	// Names of network namespaces live where the ip command looks, unless there is
	// no such folder, which an ordinary user cannot make.
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--",
		"sh", "-c", "if [ -d /run/netns ]; then mount -t tmpfs -o mode=0755 bumpwire /run/netns || exit 1; fi; exec sleep infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := writeFile(holderFile(dir), []byte(strconv.Itoa(cmd.Process.Pid))); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill())
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(holderPatience)
	for {
		if p, ok := openHolder(dir); ok {
			p.close()
			return p.pid, nil
		}
		select {
		case <-tick.C:
		case err := <-ended:
			return 0, fmt.Errorf("unshare failed: %w", err)
		case <-patience:
			return 0, errors.Join(errors.New("the process that should keep it does not start"), cmd.Process.Kill())
		case <-ctx.Done():
			return 0, errors.Join(ctx.Err(), cmd.Process.Kill())
		}
	}
}

func holderFile(dir string) string { return filepath.Join(dir, "namespace.pid") }

// openHolder opens the process that keeps the user namespace, once it is ready.
func openHolder(dir string) (*process, bool) {
	text, err := os.ReadFile(holderFile(dir))
	if err != nil {
		return nil, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, false
	}
	return openProcess(pid, func(args []string) bool { return slices.Equal(args, []string{"sleep", "infinity"}) })
}

// endHolder lets the user namespace go, once its last program ends.
func endHolder(ctx context.Context, dir string) error {
	if p, ok := openHolder(dir); ok {
		defer p.close()
		if err := p.end(ctx); err != nil {
			return err
		}
	}
	return os.RemoveAll(holderFile(dir))
}

// userNamespaceProblem says why an ordinary user cannot have a user namespace here.
func userNamespaceProblem() (cloud.Problem, bool) {
	for _, program := range []string{"unshare", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return cloud.Problem{What: program + " is not installed, which an ordinary user needs", Remedy: "apt-get install util-linux, or run as root"}, true
		}
	}
	out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "--net", "true").CombinedOutput()
	if err == nil {
		return cloud.Problem{}, false
	}
	return cloud.Problem{
		What:   "this user may not make user namespaces: " + strings.TrimSpace(string(out)),
		Remedy: namespaceRemedy(os.ReadFile) + ", or run as root",
	}, true
}

// namespaceRemedy finds the switch that forbids user namespaces.
func namespaceRemedy(read func(string) ([]byte, error)) string {
	if _, err := read("/proc/self/uid_map"); err != nil {
		return "use a kernel with CONFIG_USER_NS"
	}
	for _, s := range []struct{ knob, forbids, set string }{
		{"kernel/unprivileged_userns_clone", "0", "1"},
		{"user/max_user_namespaces", "0", "10000"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "0"},
	} {
		text, err := read("/proc/sys/" + s.knob)
		if err == nil && strings.TrimSpace(string(text)) == s.forbids {
			return "sysctl -w " + strings.ReplaceAll(s.knob, "/", ".") + "=" + s.set
		}
	}
	return "allow user namespaces in this container or machine (in a container: --privileged, or a seccomp profile that permits unshare)"
}
