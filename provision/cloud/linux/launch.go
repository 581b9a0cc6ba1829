//go:build linux

package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// launch starts QEMU and waits until its control socket answers: then the guest
// is set up. It runs in a session of its own, so no signal for the broker's
// terminal reaches it.
func (q *qemu) launch(ctx context.Context, dir string, args []string) error {
	// A file, as a pipe would break when the broker ends.
	said, err := os.OpenFile(filepath.Join(dir, "qemu.log"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return noSpace(err)
	}
	defer said.Close()
	cmd := exec.Command(qemuBinary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); errors.Is(err, exec.ErrNotFound) {
		return &fault.Error{Kind: fault.Unavailable, Message: qemuBinary + " is not installed", Err: err}
	} else if err != nil {
		return fmt.Errorf("cannot start qemu: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the guest, which it keeps from staying a zombie
	err = q.answers(ctx, filepath.Join(dir, "qmp"), ended)
	if err == nil {
		return nil
	}
	text, _ := os.ReadFile(said.Name())
	text = bytes.TrimSpace(text[:min(len(text), 2000)])
	if bytes.Contains(text, []byte("Cannot allocate memory")) {
		err = &fault.Error{Kind: fault.Full, Message: "this machine has not the memory that the appliance needs", Err: err}
	}
	return errors.Join(fmt.Errorf("the guest did not start: %w: %s", err, text), ignoreEnded(cmd.Process.Kill()))
}

func ignoreEnded(err error) error {
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// answers waits for the control socket, or for the end.
func (q *qemu) answers(ctx context.Context, socket string, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("qemu ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if qmpRun(ctx, socket, "query-status", nil, nil) == nil {
			return nil
		}
	}
}
