package sim

import (
	"sync"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// lag is what observers of a cloud with Options.Lag are still shown.
type lag struct {
	mu    sync.Mutex // guards views
	views map[topology.TenantID]*view
}

// view is one tenant's fabric as it was before its latest effect.
type view struct {
	shown topology.Fabric
	left  int // observations until what is so is shown
}

// effect keeps what observers are to be shown for a while.
func (l *lag) effect(before topology.Fabric, observations int) {
	if observations == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.views == nil {
		l.views = map[topology.TenantID]*view{}
	}
	if v := l.views[before.Tenant]; v != nil && v.left > 0 {
		before = v.shown // two effects that nobody looked between
	}
	l.views[before.Tenant] = &view{shown: before, left: observations}
}

// behind is what an observer sees of a fabric.
func (l *lag) behind(f topology.Fabric) topology.Fabric {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.views[f.Tenant]
	if v == nil || v.left == 0 {
		return f
	}
	v.left--
	return topology.Settle(v.shown)
}
