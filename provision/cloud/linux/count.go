//go:build linux

package linux

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var _ cloud.Counting = (*Cloud)(nil)

// Counters reads the counters of the links that an appliance's legs are. They go on while
// the link is there, whatever its machine does; another link, or another start of this machine,
// is another series. The kernel counts in 64 bits. See cloud.Counting.
func (c *Cloud) Counters(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (counters []topology.Counter, err error) {
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	err = c.withFabric(tenant, func(v *view) error {
		for _, l := range v.all(kindLeg) {
			f, err := facts[legFacts](l.tag)
			if err != nil {
				return err
			}
			if f.Appliance != id {
				continue
			}
			n, err := v.counter(l, f.Leg, boot)
			if err != nil {
				return err
			}
			counters = append(counters, n)
		}
		return ctx.Err()
	})
	return counters, err
}

// counter turns what this side of a link counts round: what it sends, the appliance receives.
func (v *view) counter(l tagged, leg topology.Leg, boot string) (topology.Counter, error) {
	n := topology.Counter{Port: leg.Port, Role: leg.Role}
	s := l.Attrs().Statistics
	if s == nil {
		return n, fmt.Errorf("the kernel does not say what has passed port %q", leg.Port)
	}
	n.Series = fmt.Sprintf("%s %s %d", boot, v.tag(), l.index())
	n.Received = topology.Traffic{Bytes: s.TxBytes, Packets: s.TxPackets}
	n.Sent = topology.Traffic{Bytes: s.RxBytes, Packets: s.RxPackets}
	return n, nil
}

// tag tells the namespace that the thread is in from those before and after it.
func (v *view) tag() string {
	name, _ := os.Readlink("/proc/thread-self/ns/net")
	return name
}

// bootID is another one with each start of the machine.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("cannot tell this start of the machine from others: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}
