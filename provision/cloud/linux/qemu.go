//go:build linux

package linux

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const (
	qemuBinary  = "qemu-system-x86_64"
	imageBinary = "qemu-img"
	// startPatience bounds how long a guest may take to be set up, which is before
	// its first instruction.
	startPatience = 60 * time.Second
)

// qemu runs appliances as QEMU guests. A guest is its own session and outlives
// the broker. It is found again by its process id file, checked against the
// command line, or failing that by searching for the command line; so a guest
// that was started in the instant the broker died is found too.
//
// All that belongs to a guest is in its directory: disk overlays, environment,
// process id, control socket.
type qemu struct {
	cloud  *Cloud
	images *imageCache
	accel  *accelerator
}

func newQEMU(c *Cloud, accel string) *qemu {
	return &qemu{c, newImageCache(filepath.Join(c.dir, "images")), newAccelerator(c.dir, accel)}
}

// nic is a tap that persists, so that ports exist before and after their guest.
func (q *qemu) nic(name string) netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return &netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, Owner: uint32(os.Geteuid()), Group: uint32(os.Getegid())}
}

// guestDir is relative to nothing: it is named in commands that run elsewhere.
func (q *qemu) guestDir(m machine) string {
	return filepath.Join(q.cloud.tenantDir(m.Tenant), "appliance-"+token(string(m.ID)))
}

// guestName is what a process list shows; its first part belongs to the scope.
func (q *qemu) guestName(m machine) string {
	return q.cloud.fabricName(m.Tenant) + "-" + token(string(m.ID))
}

// uuid tells guests apart (RFC 9562, version 8: made of a hash of our own).
func (q *qemu) uuid(m machine) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{q.cloud.scope, string(m.Tenant), string(m.ID)}, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// find opens the guest's process, if it runs.
func (q *qemu) find(m machine) (*process, bool, error) {
	uuid := q.uuid(m)
	is := func(args []string) bool { return value(args, "-uuid") == uuid }
	text, err := os.ReadFile(q.pidFile(m))
	if err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			if p, ok := openProcess(pid, is); ok {
				return p, true, nil
			}
		}
	}
	if _, err := os.Stat(q.guestDir(m)); errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil // never started: spare the search
	}
	all, err := processesLike(is)
	if err != nil || len(all) == 0 {
		return nil, false, err
	}
	for _, other := range all[1:] {
		other.close()
	}
	// Once it dies nothing else tells which process it was.
	return all[0], true, writeFile(q.pidFile(m), []byte(strconv.Itoa(all[0].pid)))
}

func (q *qemu) pidFile(m machine) string { return filepath.Join(q.guestDir(m), "pid") }

// buried waits until a guest that ran before, if it is dying, has let go of its
// NICs, disks and process id file.
func (q *qemu) buried(m machine) {
	text, err := os.ReadFile(q.pidFile(m))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		awaitDying(pid, graceKill)
	}
}

// running reads which start it is where it was written when it began: from the
// command line, which nothing can part from the process.
func (q *qemu) running(m machine) (start int, ok bool, err error) {
	p, ok, err := q.find(m)
	if !ok {
		return 0, false, err
	}
	defer p.close()
	return startOf(p.args), true, nil
}

func (q *qemu) start(ctx context.Context, m machine, s cloud.Server) error {
	if _, ok, err := q.running(m); ok || err != nil {
		return err
	}
	q.buried(m)
	if s.VCPUs < 1 || s.MemoryBytes < 1<<20 {
		return fault.New(fault.Invalid, "%s needs at least one CPU and 1 MiB of memory, not %d and %d bytes", m.Name, s.VCPUs, s.MemoryBytes)
	}
	dir := q.guestDir(m)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return noSpace(err)
	}
	g := guest{
		name: q.guestName(m), uuid: q.uuid(m), accel: q.accel.choose(ctx),
		start: m.Start, vcpus: s.VCPUs, memory: s.MemoryBytes, vhost: usable("/dev/vhost-net"),
	}
	var err error
	if g.disks, err = q.prepareDisks(ctx, dir, s.Disks); err != nil {
		return fmt.Errorf("cannot prepare the disks of %q: %w", m.ID, err)
	}
	if s.Environment != nil {
		g.environment = filepath.Join(dir, "environment.iso")
		if err := writeFile(g.environment, s.Environment); err != nil {
			return fmt.Errorf("cannot write the environment of %q: %w", m.ID, err)
		}
	}
	if g.nics, err = nicsOf(m, s.NICModels); err != nil {
		return err
	}
	args, err := g.args()
	if err != nil {
		return err
	}
	return q.launch(ctx, dir, args)
}

// stop ends the guest and removes its directory. Its disks go with it, since all
// that an appliance is told comes with its environment.
func (q *qemu) stop(ctx context.Context, m machine) error {
	for {
		p, ok, err := q.find(m)
		if err != nil {
			return err
		}
		if !ok {
			return os.RemoveAll(q.guestDir(m))
		}
		err = q.endGuest(ctx, filepath.Join(q.guestDir(m), "qmp"), p)
		p.close()
		if err != nil {
			return fmt.Errorf("cannot stop %q: %w", m.ID, err)
		}
	}
}

// endGuest asks over the control socket first, which ends a guest at once and
// with its disks written; then by signals.
func (q *qemu) endGuest(ctx context.Context, socket string, p *process) error {
	if err := qmpRun(ctx, socket, "quit", nil, nil); err == nil && p.gone(graceTerm) {
		return nil
	}
	return p.end(ctx)
}

// nameOf is a guest's name as its command line says.
func nameOf(args []string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(value(args, "-name"), "guest="), ",")
	return name
}

// guests opens all guests of the scope, known to anybody or not.
func (q *qemu) guests() ([]*process, error) {
	prefix := "bw-" + q.cloud.scope + "-"
	return processesLike(func(args []string) bool { return strings.HasPrefix(nameOf(args), prefix) })
}

func (q *qemu) processes(tenants map[string]topology.TenantID) (out []cloud.Resource, err error) {
	all, err := q.guests()
	for _, p := range all {
		name := nameOf(p.args)
		out = append(out, cloud.Resource{Kind: "process", ID: strconv.Itoa(p.pid), Tenant: tenants[tokenIn(name)], Detail: name})
		p.close()
	}
	return out, err
}

func (q *qemu) sweep(ctx context.Context) error {
	all, err := q.guests()
	for _, p := range all {
		err = errors.Join(err, p.end(ctx))
		p.close()
	}
	return err
}

// usable says whether a device can be opened.
func usable(device string) bool {
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}
