//go:build linux

package linux

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// prepareDisks makes each disk's overlay in a guest's directory. One that is
// there already is kept: a machine that died is booted on its own disks.
func (q *qemu) prepareDisks(ctx context.Context, dir string, disks []cloud.Disk) ([]drive, error) {
	var out []drive
	for i, d := range disks {
		if d.Bus == "" {
			d.Bus = "virtio"
		}
		base, content := "", "blank"
		if d.Open != nil {
			var err error
			if base, err = q.images.fetch(ctx, d); err != nil {
				return nil, err
			}
			content = filepath.Base(base)[:12]
		}
		overlay := filepath.Join(dir, fmt.Sprintf("disk%d-%s.qcow2", i, content))
		if _, err := os.Stat(overlay); err != nil {
			if err := makeOverlay(ctx, overlay, base, d); err != nil {
				return nil, err
			}
		}
		out = append(out, drive{overlay, d.Bus})
	}
	return out, nil
}

// makeOverlay makes a qcow2 image over a base, or a blank one. The base's format
// is always said: probing would let a raw image pass itself off as another.
func makeOverlay(ctx context.Context, path, base string, d cloud.Disk) error {
	part := path + ".new"
	args := []string{"create", "-q", "-f", "qcow2"}
	if base != "" {
		args = append(args, "-b", base, "-F", qemuFormat(d.Format))
	}
	args = append(args, part)
	size, err := overlaySize(ctx, base, d)
	if err != nil {
		return err
	}
	if size > 0 {
		args = append(args, strconv.FormatInt(size, 10))
	}
	if out, err := exec.CommandContext(ctx, imageBinary, args...).CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("No space left on device")) {
			return noSpace(unix.ENOSPC)
		}
		return fmt.Errorf("cannot make disk %q: %w: %s", d.ID, err, bytes.TrimSpace(out))
	}
	return os.Rename(part, path)
}

// overlaySize is what an overlay must be made with; 0 when the base says it. A
// package may state more than its image has, never less: the end would be cut.
func overlaySize(ctx context.Context, base string, d cloud.Disk) (int64, error) {
	if base == "" {
		if d.CapacityBytes <= 0 {
			return 0, fault.New(fault.Invalid, "the blank disk %q has no size", d.ID)
		}
		return d.CapacityBytes, nil
	}
	out, err := exec.CommandContext(ctx, imageBinary, "info", "--output=json", "-f", qemuFormat(d.Format), base).Output()
	if err != nil {
		return 0, fault.New(fault.Invalid, "the image of disk %q cannot be read as %s", d.ID, d.Format)
	}
	var info struct {
		Size int64 `json:"virtual-size"`
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return 0, err
	}
	if d.CapacityBytes > info.Size {
		return d.CapacityBytes, nil
	}
	return 0, nil
}
