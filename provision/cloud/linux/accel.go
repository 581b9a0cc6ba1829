//go:build linux

package linux

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	accelPatience = 3 * time.Second
	accelMemory   = 10 * time.Minute
)

// accelerator chooses between KVM and emulation. That /dev/kvm exists proves
// nothing: inside some virtual machines it is there and hangs every guest. So a
// tiny guest must have run on it before an appliance may.
type accelerator struct {
	forced string
	file   string // remembers the last finding for a while, across restarts

	mu    sync.Mutex
	found finding
}

type finding struct {
	Accelerator string    `json:"accelerator"`
	At          time.Time `json:"at"`
}

func newAccelerator(dir, forced string) *accelerator {
	return &accelerator{forced: forced, file: filepath.Join(dir, "accelerator.json")}
}

// choose is kvm or tcg.
func (a *accelerator) choose(ctx context.Context) string {
	if a.forced != "" {
		return a.forced
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found.Accelerator == "" {
		a.recall()
	}
	if a.found.Accelerator == "" {
		a.found = finding{"tcg", time.Now()}
		if usable("/dev/kvm") && prove(ctx, "kvm") {
			a.found.Accelerator = "kvm"
		}
		a.remember()
	}
	return a.found.Accelerator
}

func (a *accelerator) recall() {
	text, err := os.ReadFile(a.file)
	var f finding
	if err == nil && json.Unmarshal(text, &f) == nil && time.Since(f.At) < accelMemory && (f.Accelerator == "kvm" || f.Accelerator == "tcg") {
		a.found = f
	}
}

// remember spares the next process the proof; that it cannot is no harm.
func (a *accelerator) remember() {
	if text, err := json.Marshal(a.found); err == nil {
		_ = writeFile(a.file, text)
	}
}

// proof is a boot sector that writes 0x2a to the debug exit port:
//
//	mov dx, 0xf4; mov al, 0x2a; out dx, al; cli; hlt
const proof = "\xba\xf4\x00\xb0\x2a\xee\xfa\xf4"

// proved is QEMU's exit status for that: the value twice and one.
const proved = 0x2a<<1 | 1

// prove runs the proof on an accelerator and says whether it ran.
func prove(ctx context.Context, accelerator string) bool {
	sector := make([]byte, 512)
	copy(sector, proof)
	sector[510], sector[511] = 0x55, 0xaa
	f, err := os.CreateTemp("", "accelerator-proof-*")
	if err != nil {
		return false
	}
	defer os.Remove(f.Name())
	_, err = f.Write(sector)
	if errors.Join(err, f.Close()) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, accelPatience)
	defer cancel()
	err = exec.CommandContext(ctx, qemuBinary,
		"-machine", "pc", "-accel", accelerator, "-cpu", "max", "-m", "16M",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
		"-drive", "if=floppy,format=raw,readonly=on,file="+comma(f.Name()), "-boot", "a",
	).Run()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == proved
}
