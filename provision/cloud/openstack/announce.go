package openstack

import (
	"context"
	"sync"
	"time"
)

// announcing is how long a gateway that has moved is heard of, once a second: as long as
// it may take until what was plugged in just before is wired.
const announcing = 3 * time.Second

// announce begins to have everything on a network hear where gateways' MACs are now, one
// after the other, and gives a function that waits for the end. Bridges on the way then need
// not wait until hosts ask for their gateway. Without access to OVN's northbound database it
// does nothing: the L3 agents of ML2/Open vSwitch do it themselves. What was not heard
// heals with the next packet from the gateway, and is no reason to fail.
func (v *view) announce(ctx context.Context, network string, macs ...string) (heard func()) {
	if v.d.north == nil {
		return func() {}
	}
	var speaking sync.WaitGroup
	speaking.Go(func() {
		for _, mac := range macs {
			if err := v.d.north.Announce(ctx, network, mac, v.d.announcing); err != nil {
				v.d.log.Warn("cannot announce where a gateway is: hosts that are sent nothing may wait until they ask for it again", "tenant", v.tenant, "network", network, "error", err)
			}
		}
	})
	return speaking.Wait
}

// announceAll announces all the tenant's gateways that are not at home, since an
// appliance between one of them and its hosts has moved.
func (v *view) announceAll(ctx context.Context) {
	at := map[string][]string{}
	for _, p := range v.plugs {
		if _, away := v.plugFacts(p.ID); away && !v.owns(p.NetworkID) {
			at[p.NetworkID] = append(at[p.NetworkID], p.MACAddress)
		}
	}
	for network, macs := range at {
		defer v.announce(ctx, network, macs...)()
	}
}
