package openstack

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// makeHost makes a port and the namespace that it is plugged into.
func (g *Ground) makeHost(ctx context.Context, h cloud.Host, on side) error {
	p, err := ports.Create(ctx, g.d.network, wanted{"network_id": on.network, "project_id": on.project, "name": h.Name,
		"fixed_ips":    []any{map[string]any{"subnet_id": on.subnet, "ip_address": h.Address.Addr().String()}},
		"device_owner": hostOwner, "device_id": g.name + " " + h.Name, "binding:host_id": g.host, "port_security_enabled": false}).Extract()
	if err != nil {
		return said("make a host's port", err)
	}
	space, link := g.Space(h.Name), link(*p)
	if err := shells([]string{"ip", "netns", "add", space}, attach(*p)); err != nil {
		return err
	}
	return g.settle(place{link, [][]string{
		{"ip", "link", "set", link, "netns", space},
		{"ip", "-n", space, "link", "set", "lo", "up"},
		{"ip", "-n", space, "link", "set", link, "address", p.MACAddress, "mtu", fmt.Sprint(wide(on.mtu)), "up"},
		{"ip", "-n", space, "addr", "replace", h.Address.String(), "dev", link},
		{"ip", "-n", space, "route", "replace", "default", "via", on.gateway.String(), "dev", link},
	}})
}

// attach is the command that gives this machine an interface of the switch.
func attach(p ports.Port) []string {
	return []string{"ovs-vsctl", "add-port", "br-int", link(p), "--", "set", "Interface", link(p), "type=internal", fmt.Sprintf("mac=%q", p.MACAddress),
		"external_ids:iface-id=" + p.ID, "external_ids:attached-mac=" + p.MACAddress, "external_ids:iface-status=active"}
}

func wide(mtu int) int {
	if mtu < 576 {
		return 1400
	}
	return mtu
}

// place is where an interface of the switch belongs on this machine.
type place struct {
	link     string
	commands [][]string // bring it there
}

// settle puts an interface in its place, and remembers where that is.
func (g *Ground) settle(p place) error {
	g.places = append(g.places, p)
	return shells(p.commands...)
}

// mend puts interfaces back: a switch that is set up anew, as some are when a first
// machine is plugged in, makes its interfaces anew where they were at first, and down.
func (g *Ground) mend() error {
	for _, p := range g.places {
		l, err := net.InterfaceByName(p.link)
		if err != nil || l.Flags&net.FlagUp != 0 {
			continue // it is in its namespace, or what it is here
		}
		if err := shells(p.commands...); err != nil {
			return err
		}
	}
	return nil
}

// link is what Nova and the Ground call a port's interface.
func link(p ports.Port) string { return "tap" + p.ID[:11] }

// Space is the name of a host's namespace.
func (g *Ground) Space(host string) string { return g.name + "-" + host }

// PublicSpace is the namespace of the host on the other side.
func (g *Ground) PublicSpace() string { return g.Space(publicHost) }

// wiredWithin is how long Neutron's agents may take to wire what was plugged in.
const wiredWithin = time.Minute

// reached waits until the hosts reach the other side.
func (g *Ground) reached(ctx context.Context, hosts []cloud.Host) error {
	for until := time.Now().Add(wiredWithin); ; {
		missing := ""
		for _, h := range hosts {
			if _, err := shell("ip", "netns", "exec", g.Space(h.Name), "ping", "-c", "1", "-W", "1", GroundPublic); err != nil {
				missing = h.Name
			}
		}
		switch {
		case missing == "":
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(until):
			return fault.New(fault.Unavailable, "host %s does not reach %s through its router within %v", missing, GroundPublic, wiredWithin)
		}
	}
}

// shell runs a program of this machine and gives what it prints.
func shell(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, clean(string(out)))
	}
	return string(out), err
}

// shells runs programs until one fails.
func shells(commands ...[]string) error {
	for _, c := range commands {
		if _, err := shell(c...); err != nil {
			return err
		}
	}
	return nil
}
