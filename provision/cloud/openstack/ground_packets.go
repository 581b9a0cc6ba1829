package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// sentByTrace is how many echo requests a trace sends: more than what else passes an
// appliance meanwhile.
const sentByTrace = 50

// Trace sends packets from a host to the other side, and says which appliances carried
// them, in the order of the topology; by the counters of the switch. Reached says
// whether an answer came back. Neutron's agents follow its API when they come to it:
// what is not as the topology says is looked at again for a while.
func (g *Ground) Trace(ctx context.Context, host string) (passed []topology.ApplianceID, reached bool, err error) {
	f, err := g.d.Observe(ctx, g.Tenant)
	if err != nil {
		return nil, false, err
	}
	var way []topology.ApplianceID
	hops, _ := topology.Path(f, g.Network)
	for _, h := range hops {
		if h.Appliance != "" {
			way = append(way, h.Appliance)
		}
	}
	for until := time.Now().Add(wiredWithin); ; {
		passed, reached, err = g.trace(ctx, host, way)
		if err != nil || reached && slices.Equal(passed, way) || ctx.Err() != nil || time.Now().After(until) {
			return passed, reached, err
		}
	}
}

func (g *Ground) trace(ctx context.Context, host string, way []topology.ApplianceID) (passed []topology.ApplianceID, reached bool, err error) {
	before, err := g.carried(ctx)
	if err != nil {
		return nil, false, err
	}
	if _, err := shell("ip", "netns", "exec", g.Space(host), "ping", "-q", "-c", strconv.Itoa(sentByTrace), "-i", "0.02", "-W", "2", GroundPublic); err != nil {
		return nil, false, nil // ping says so where nothing comes back
	}
	after, err := g.carried(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, a := range way {
		if after[a]-before[a] >= sentByTrace {
			passed = append(passed, a)
		}
	}
	for a := range after {
		if after[a]-before[a] >= sentByTrace && !slices.Contains(way, a) {
			passed = append(passed, a) // where it should not be any more
		}
	}
	return passed, true, nil
}

// received is in what ovs-ofctl says of a port: what the switch took in from it.
var received = regexp.MustCompile(`rx pkts=(\d+)`)

// carried is how many packets each appliance has sent towards the gateway. The switch
// takes them in from the appliance's outside legs.
func (g *Ground) carried(ctx context.Context) (map[topology.ApplianceID]int, error) {
	v, err := g.d.look(ctx, g.Tenant)
	if err != nil {
		return nil, err
	}
	count := map[topology.ApplianceID]int{}
	for _, p := range v.ports {
		f, err := facts[legFacts](p.mark)
		if p.mark.Kind != kindLeg || err != nil || f.Leg.Role != topology.Outside || p.DeviceID == "" {
			continue
		}
		n, err := sent(p)
		if err != nil {
			return nil, err
		}
		count[f.Appliance.ID] += n
	}
	return count, nil
}

// sent is how many packets a server has sent by a port: as the switch counts them, or
// the namespace that the server is, into which the switch does not see.
func sent(p port) (int, error) {
	space := "vm-" + p.DeviceID
	if _, err := os.Stat(spacesFolder + space); err != nil {
		out, err := shell("ovs-ofctl", "dump-ports", "br-int", link(p.Port))
		if err != nil {
			return 0, err
		}
		m := received.FindStringSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("the switch does not count what comes in by %s", link(p.Port))
		}
		return strconv.Atoi(m[1])
	}
	out, err := shell("ip", "-n", space, "-j", "-s", "link", "show", link(p.Port))
	if err != nil {
		return 0, err
	}
	var links []struct {
		Stats64 struct{ TX struct{ Packets int } }
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		return 0, fmt.Errorf("cannot read the counters of %s: %v", link(p.Port), err)
	}
	return links[0].Stats64.TX.Packets, nil
}

// spacesFolder is where bound network namespaces are found.
const spacesFolder = "/run/netns/"

// Attend stands in for guests on an OpenStack whose servers are network namespaces of
// this machine without programs (named vm- and the server's id): each pair of legs is
// bridged, and TCP to a port dropped on the way. It goes on until ctx ends. Where
// servers are machines it only looks after their interfaces; stoodIn says whether it did
// more.
func (g *Ground) Attend(ctx context.Context, blocked string) (stoodIn bool, err error) {
	done := map[string]bool{}
	for {
		fresh, err := g.attend(ctx, blocked, done)
		stoodIn = stoodIn || fresh
		if ctx.Err() != nil {
			return stoodIn, nil
		}
		if err != nil {
			return stoodIn, err
		}
		select {
		case <-ctx.Done():
			return stoodIn, nil
		case <-time.After(lookEvery):
		}
	}
}

func (g *Ground) attend(ctx context.Context, blocked string, done map[string]bool) (fresh bool, err error) {
	if err := errors.Join(g.mend(), g.raise(ctx)); err != nil {
		return false, err
	}
	servers, err := g.d.servers(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range servers {
		space := "vm-" + s.ID
		if _, err := os.Stat(spacesFolder + space); done[space] || err != nil || !isRunning(s) {
			continue
		}
		if err := g.standIn(ctx, topology.ApplianceID(s.Metadata[metaAppliance]), space, blocked); err != nil {
			return fresh, err
		}
		done[space], fresh = true, true
	}
	return fresh, nil
}

// raise sets guests' interfaces up that are down. A switch in user space that takes one
// in writes back the flags that it read before: one that the hypervisor set up at that
// moment is down again, and nobody looks at it any more.
func (g *Ground) raise(ctx context.Context) error {
	if !g.Guests {
		return nil
	}
	v, err := g.d.look(ctx, g.Tenant)
	if err != nil {
		return err
	}
	for _, p := range v.ports {
		l, err := net.InterfaceByName(link(p.Port))
		if p.mark.Kind != kindLeg || err != nil || l.Flags&net.FlagUp != 0 {
			continue
		}
		if _, err := shell("ip", "link", "set", l.Name, "up"); err != nil && isThere(l.Name) {
			return err
		}
	}
	return nil
}

func isThere(link string) bool {
	_, err := net.InterfaceByName(link)
	return err == nil
}

// standIn makes a namespace what the appliance would be.
func (g *Ground) standIn(ctx context.Context, a topology.ApplianceID, space, blocked string) error {
	v, err := g.d.look(ctx, g.Tenant)
	if err != nil {
		return err
	}
	// Before br_netfilter, which skips what comes with it at priority 0.
	if _, err := shell("ip", "netns", "exec", space, "nft", "add table bridge demo; add chain bridge demo forward { type filter hook forward priority filter; }; "+
		"add rule bridge demo forward tcp dport "+blocked+" drop"); err != nil {
		return err
	}
	var bridges []string
	for _, p := range v.ports {
		f, err := facts[legFacts](p.mark)
		if p.mark.Kind != kindLeg || err != nil || f.Appliance.ID != a || f.Leg.Pair == 0 || f.Leg.Role == topology.Management {
			continue
		}
		bridge := fmt.Sprintf("pair%d", f.Leg.Pair)
		if !slices.Contains(bridges, bridge) {
			bridges = append(bridges, bridge)
			if err := shells(strings.Fields("ip -n "+space+" link add "+bridge+" type bridge"), strings.Fields("ip -n "+space+" link set "+bridge+" up")); err != nil {
				return err
			}
		}
		if err := shells(strings.Fields("ip -n "+space+" addr flush dev "+link(p.Port)),
			strings.Fields("ip -n "+space+" link set "+link(p.Port)+" master "+bridge+" up")); err != nil {
			return err
		}
	}
	return nil
}
