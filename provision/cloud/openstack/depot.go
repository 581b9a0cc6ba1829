package openstack

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A depot is what one process knows of the things that servers share.
type depot struct {
	retain bool // volumes with data outlive their appliance

	mu       sync.Mutex
	busy     map[string]chan struct{} // one slot for each thing that is being made
	promised map[string]promise       // by appliance: what its server will be made of
}

// A promise ends when its server must be there, or has failed.
type promise struct {
	ids   []string
	until time.Time
}

// promise keeps a shared thing for an appliance that is about to be booted with it.
func (p *depot) promise(b boot, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.promised == nil {
		p.promised = map[string]promise{}
	}
	had := p.promised[whose(b)].ids
	p.promised[whose(b)] = promise{append(slices.Clone(had), id), time.Now().Add(promiseFor)}
}

// promiseFor is longer than Nova is waited for, an upload before it apart, which
// renews it.
const promiseFor = 10 * time.Minute

func (p *depot) claim(ctx context.Context, what string) (release func(), err error) {
	p.mu.Lock()
	if p.busy == nil {
		p.busy = map[string]chan struct{}{}
	}
	slot, ok := p.busy[what]
	if !ok {
		slot = make(chan struct{}, 1)
		p.busy[what] = slot
	}
	p.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *depot) forget(t topology.TenantID, a topology.ApplianceID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.promised, digest(string(t), string(a)))
}

// kept says whether a thing is promised to somebody.
func (p *depot) kept(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range p.promised {
		if slices.Contains(of.ids, id) && time.Now().Before(of.until) {
			return true
		}
	}
	return false
}
