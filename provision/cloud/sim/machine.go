package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Machine is what an appliance was booted from and with, for tests to look at.
type Machine struct {
	VCPUs       int       `json:"vcpus"`
	MemoryBytes int64     `json:"memory_bytes"`
	NICModels   []string  `json:"nic_models,omitempty"`
	Disks       []Image   `json:"disks"` // in boot order
	Environment []byte    `json:"-"`     // may hold secrets, so it is not stored
	Started     time.Time `json:"started"`
	Awaits      int       `json:"awaits"` // that found it not forwarding
	Hung        bool      `json:"hung,omitempty"`

	// Accounts are the digests of passwords, by user, that were set at /accounts/.
	Accounts map[string]string `json:"accounts,omitempty"`
}

// Image is a disk as it was really read.
type Image struct {
	ID            string `json:"id"`
	Digest        string `json:"digest,omitempty"` // of the bytes read; empty for a blank disk
	Bytes         int64  `json:"bytes"`            // read
	Format        string `json:"format,omitempty"`
	CapacityBytes int64  `json:"capacity_bytes"`
	Bus           string `json:"bus,omitempty"`
}

// Boot reads all disks in full, compares each with its digest, and starts the
// appliance. Invalid when the server could not be booted from.
func (c *Cloud) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s cloud.Server) error {
	step := topology.Step{Verb: topology.Boot, Appliance: &a}
	return c.call(ctx, stepCall(tenant, step), func() error {
		running, err := c.bootable(tenant, step)
		if err != nil || running {
			return err
		}
		m, err := assemble(ctx, a, s)
		if err != nil {
			return fmt.Errorf("cannot boot %q: %w", a.ID, err)
		}
		return c.change(func(w *world) error {
			if err := c.apply(w, tenant, step); err != nil {
				return err
			}
			e := w.Tenants[tenant]
			if e.Machines[a.ID] == nil {
				m.Started = time.Now().UTC()
				e.Machines[a.ID] = m
			}
			return nil
		})
	})
}

// bootable says, before any image is read, whether the appliance runs already
// or cannot be booted.
func (c *Cloud) bootable(tenant topology.TenantID, boot topology.Step) (running bool, err error) {
	err = c.view(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		_, err = e.after(boot)
		running = e.Machines[boot.Appliance.ID] != nil
		return err
	})
	return running, err
}

// assemble checks a server and reads its disks.
func assemble(ctx context.Context, a topology.Appliance, s cloud.Server) (*Machine, error) {
	switch {
	case s.VCPUs < 1:
		return nil, fault.New(fault.Invalid, "a server needs at least one virtual CPU, not %d", s.VCPUs)
	case s.MemoryBytes < 1:
		return nil, fault.New(fault.Invalid, "a server needs memory, not %d bytes", s.MemoryBytes)
	case len(s.Disks) == 0:
		return nil, fault.New(fault.Invalid, "a server needs a disk to boot from")
	case len(s.NICModels) > len(a.Legs):
		return nil, fault.New(fault.Invalid, "the server has %d NIC models for %d legs", len(s.NICModels), len(a.Legs))
	}
	m := &Machine{
		VCPUs:       s.VCPUs,
		MemoryBytes: s.MemoryBytes,
		NICModels:   slices.Clone(s.NICModels),
		Environment: bytes.Clone(s.Environment),
	}
	for _, d := range s.Disks {
		image, err := read(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("disk %q: %w", d.ID, err)
		}
		m.Disks = append(m.Disks, image)
	}
	return m, nil
}

// read takes in a disk's image to its end.
func read(ctx context.Context, d cloud.Disk) (Image, error) {
	image := Image{ID: d.ID, Format: d.Format, CapacityBytes: d.CapacityBytes, Bus: d.Bus}
	if d.CapacityBytes < 1 {
		return image, fault.New(fault.Invalid, "a disk needs a capacity, not %d bytes", d.CapacityBytes)
	}
	if d.Open == nil {
		if d.Digest != "" {
			return image, fault.New(fault.Invalid, "there is a digest but no image")
		}
		return image, nil
	}
	stream, err := d.Open(ctx)
	if err != nil {
		return image, fmt.Errorf("cannot open the image: %w", err)
	}
	defer stream.Close()
	sum := sha256.New()
	if image.Bytes, err = io.Copy(sum, cancellable{ctx, stream}); err != nil {
		return image, fmt.Errorf("cannot read the image: %w", err)
	}
	image.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	if image.Digest != d.Digest {
		return image, fault.New(fault.Invalid, "the image's digest is %s, not %s", image.Digest, d.Digest)
	}
	return image, nil
}

// cancellable ends a stream with its context.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (r cancellable) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// forwards says whether a running machine has come up.
func (m *Machine) forwards(o Options) bool {
	return !m.Hung && m.remaining(o) <= 0 && m.Awaits >= o.BootAwaits
}

func (m *Machine) remaining(o Options) time.Duration {
	return o.BootTime - time.Since(m.Started)
}

// stopStrays forgets the machines of appliances that do not run any more.
func (e *estate) stopStrays() {
	for id := range e.Machines {
		if a, ok := e.appliance(id); !ok || !a.Booted {
			delete(e.Machines, id)
		}
	}
}

// adopt makes an estate whole that did not come about by steps: every running
// appliance has a machine, and nothing else has.
func (e *estate) adopt() {
	if e.Machines == nil {
		e.Machines = map[topology.ApplianceID]*Machine{}
	}
	e.Fabric = topology.Settle(e.Fabric)
	e.stopStrays()
	for _, a := range e.Fabric.Appliances {
		if a.Booted && e.Machines[a.ID] == nil {
			e.Machines[a.ID] = &Machine{}
		}
	}
}

// Machine is what a running appliance was booted with; false when it does not run.
func (c *Cloud) Machine(tenant topology.TenantID, id topology.ApplianceID) (m Machine, ok bool) {
	_ = c.view(func(w *world) error { // a state that cannot be read runs nothing
		if found := w.machine(tenant, id); found != nil {
			m, ok = *found, true
		}
		return nil
	})
	return m, ok
}
