package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// world is all that the cloud holds, and the form of the state file.
type world struct {
	Tenants map[topology.TenantID]*estate `json:"tenants"`
}

// estate is what one tenant has.
type estate struct {
	Fabric   topology.Fabric                   `json:"fabric"`
	Hosts    []cloud.Host                      `json:"hosts"` // by name
	Machines map[topology.ApplianceID]*Machine `json:"machines"`

	Counters map[topology.PortID]*topology.Counter `json:"counters,omitempty"` // of legs that were asked for or passed
}

func newWorld() world { return world{Tenants: map[topology.TenantID]*estate{}} }

// newEstate is a tenant's that has nothing yet.
func newEstate(tenant topology.TenantID) *estate {
	return &estate{Fabric: topology.Fabric{Tenant: tenant}, Machines: map[topology.ApplianceID]*Machine{}}
}

// tenant finds a tenant's estate. NotFound when it has nothing.
func (w *world) tenant(id topology.TenantID) (*estate, error) {
	e, ok := w.Tenants[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "tenant %q has nothing here", id)
	}
	return e, nil
}

// settle forgets a tenant that has nothing left.
func (w *world) settle(id topology.TenantID) {
	if e, ok := w.Tenants[id]; ok && len(e.Fabric.Networks)+len(e.Fabric.Appliances)+len(e.Hosts) == 0 {
		delete(w.Tenants, id)
	}
}

// change runs fn alone over the state, of this process and of all that share the
// file, and keeps what it did. When fn fails it must not have changed anything.
func (c *Cloud) change(fn func(*world) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return fn(&c.world)
	}
	unlock, err := c.file.Lock()
	if err != nil {
		return fmt.Errorf("cannot lock the state of the simulated cloud: %w", err)
	}
	defer unlock()
	if err := c.load(); err != nil {
		return err
	}
	if err := fn(&c.world); err != nil {
		return err
	}
	return c.save()
}

// view runs fn over the state, which it must not change. A reader needs no lock
// on the file: it is replaced whole.
func (c *Cloud) view(fn func(*world) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != nil {
		if err := c.load(); err != nil {
			return err
		}
	}
	return fn(&c.world)
}

// load reads the state file, and carries over what only memory may hold.
func (c *Cloud) load() error {
	data, err := os.ReadFile(c.options.Path)
	fresh := newWorld()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cannot read the state of the simulated cloud: %w", err)
	default:
		if err := json.Unmarshal(data, &fresh); err != nil {
			return fmt.Errorf("cannot read the state of the simulated cloud in %s: %w", c.options.Path, err)
		}
		if fresh.Tenants == nil {
			fresh = newWorld()
		}
	}
	fresh.take(c.world)
	c.world = fresh
	return nil
}

// take makes a state that was read whole, with the environments that this
// process remembers.
func (w *world) take(old world) {
	for id, e := range w.Tenants {
		if e == nil {
			delete(w.Tenants, id)
			continue
		}
		e.adopt()
		for a, m := range e.Machines {
			if o := old.machine(id, a); o != nil && o.Started.Equal(m.Started) {
				m.Environment = o.Environment
			}
		}
	}
}

// machine is a running appliance's, or nil.
func (w *world) machine(tenant topology.TenantID, id topology.ApplianceID) *Machine {
	if e := w.Tenants[tenant]; e != nil {
		return e.Machines[id]
	}
	return nil
}

// save replaces the file in one step, so that a process that dies here leaves
// the old state or the new. It does not flush to disk: what is simulated need
// not outlive the machine.
func (c *Cloud) save() error {
	data, err := json.MarshalIndent(c.world, "", "\t")
	if err != nil {
		return fmt.Errorf("cannot write the state of the simulated cloud: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(c.options.Path), filepath.Base(c.options.Path)+".new-*")
	if err != nil {
		return fmt.Errorf("cannot write the state of the simulated cloud: %w", err)
	}
	defer os.Remove(f.Name()) // after the rename it is gone already
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), c.options.Path)
	}
	if err != nil {
		return fmt.Errorf("cannot write the state of the simulated cloud: %w", err)
	}
	return nil
}
