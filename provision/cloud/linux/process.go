//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a running one, held so that its number cannot come to mean
// another while we act on it.
type process struct {
	pid  int
	fd   int
	args []string
}

func (p *process) close() { unix.Close(p.fd) }

// openProcess opens a process of this user's if it runs and has such a command line.
func openProcess(pid int, is func(args []string) bool) (*process, bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, false
	}
	// Read after it is held: a number used anew between would show another line. A
	// dead one that nobody reaped has none.
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	if err != nil || len(line) == 0 || !is(args) || !isOwn(pid) {
		unix.Close(fd)
		return nil, false
	}
	return &process{pid, fd, args}, true
}

// awaitDying waits for the end of a process that is dying: it has no command line any
// more, and still has what it had open. One that lives, or is nobody's, is not waited
// for.
func awaitDying(pid int, patience time.Duration) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	p := &process{pid: pid, fd: fd}
	defer p.close()
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err == nil && len(line) == 0 {
		p.gone(patience)
	}
}

// isOwn keeps others from passing off a process as ours.
func isOwn(pid int) bool {
	var s unix.Stat_t
	err := unix.Stat(filepath.Join("/proc", strconv.Itoa(pid)), &s)
	return err == nil && int(s.Uid) == os.Geteuid()
}

// processesLike opens all running processes with such a command line.
func processesLike(is func(args []string) bool) ([]*process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []*process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := openProcess(pid, is); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// value is the argument after an option.
func value(args []string, option string) string {
	for i := 1; i < len(args); i++ {
		if args[i-1] == option {
			return args[i]
		}
	}
	return ""
}

// gone waits until the process has ended, and says whether it has.
func (p *process) gone(patience time.Duration) bool {
	until := time.Now().Add(patience)
	for {
		ts := unix.NsecToTimespec(max(0, int64(time.Until(until))))
		n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, &ts, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return n > 0
	}
}

// Grace that a machine gets to end before it is asked less kindly.
const (
	graceTerm = time.Second
	graceKill = 10 * time.Second
)

// end ends the process: a request, then SIGKILL, and waits until it is gone.
func (p *process) end(ctx context.Context) error {
	if err := unix.PidfdSendSignal(p.fd, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot stop process %d: %w", p.pid, err)
	}
	if p.gone(graceTerm) {
		return nil
	}
	if err := unix.PidfdSendSignal(p.fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot kill process %d: %w", p.pid, err)
	}
	if p.gone(graceKill) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("process %d does not die", p.pid)
}
