//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/cloud"
)

// Check tries what the driver needs, in a namespace that goes away at once, and
// lists what does not work. See cloud.Cloud.
func (c *Cloud) Check(ctx context.Context) []cloud.Problem {
	problems := c.machines.check(ctx)
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			problems = append(problems, namespaceProblem(err))
			return nil
		}
		problems = append(problems, tryLinks(c.machines)...)
		if err := sysctl("ipv4/ip_forward", "1"); err != nil {
			problems = append(problems, cloud.Problem{
				What:   fmt.Sprintf("gateways cannot be made to route: %v", err),
				Remedy: "make /proc/sys/net writable (in a container: --privileged)",
			})
		}
		return nil
	})
	if err != nil {
		problems = append(problems, cloud.Problem{What: err.Error(), Remedy: "see the operator's log"})
	}
	if err := unix.Access(c.names, unix.W_OK); err != nil && !errors.Is(err, unix.ENOENT) {
		problems = append(problems, cloud.Problem{
			What:   fmt.Sprintf("namespaces cannot be named in %s: %v", c.names, err),
			Remedy: "run as root, or let the program enter a user namespace",
		})
	}
	return problems
}

func namespaceProblem(err error) cloud.Problem {
	if errors.Is(err, unix.EPERM) {
		if p, ok := userNamespaceProblem(); ok {
			return p
		}
		return cloud.Problem{
			What:   "network namespaces may not be made by this user",
			Remedy: "run as root, or let the program enter a user namespace (linux.Enter)",
		}
	}
	return cloud.Problem{
		What:   fmt.Sprintf("network namespaces cannot be made: %v", err),
		Remedy: "use a kernel with CONFIG_NET_NS, and raise the sysctl user.max_net_namespaces if it is low",
	}
}

// tryLinks makes one link of each kind that is needed.
func tryLinks(m launcher) (problems []cloud.Problem) {
	named := func(name string) netlink.LinkAttrs {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		return attrs
	}
	veth := netlink.NewVeth(named("try-v"))
	veth.PeerName = "try-w"
	for _, try := range []struct {
		link         netlink.Link
		what, remedy string
	}{
		{&netlink.Bridge{LinkAttrs: named("try-b")}, "bridges", "modprobe bridge (CONFIG_BRIDGE)"},
		{veth, "veth pairs", "modprobe veth (CONFIG_VETH)"},
		{m.nic("try-t"), "the ports of appliances", "modprobe tun (CONFIG_TUN), and let this user open /dev/net/tun: chmod 0666 /dev/net/tun"},
	} {
		if err := netlink.LinkAdd(try.link); err != nil {
			problems = append(problems, cloud.Problem{What: fmt.Sprintf("%s cannot be made: %v", try.what, err), Remedy: try.remedy})
		}
	}
	if s, err := openSocket(1, onlyARP()); err != nil {
		problems = append(problems, cloud.Problem{What: err.Error(), Remedy: "use a kernel with CONFIG_PACKET"})
	} else {
		s.close()
	}
	return problems
}

// check names the programs that are missing.
func (q *qemu) check(context.Context) (problems []cloud.Problem) {
	for _, need := range []struct{ program, deb string }{
		{qemuBinary, "qemu-system-x86"},
		{imageBinary, "qemu-utils"},
		{nftBinary, "nftables"},
	} {
		if _, err := exec.LookPath(need.program); err != nil {
			problems = append(problems, cloud.Problem{
				What:   need.program + " is not installed",
				Remedy: "apt-get install " + need.deb,
			})
		}
	}
	if err := unix.Access(q.cloud.dir, unix.W_OK); err != nil {
		problems = append(problems, cloud.Problem{
			What:   fmt.Sprintf("user %d cannot write to %s: %v", os.Geteuid(), q.cloud.dir, err),
			Remedy: "choose another data directory or change its owner",
		})
	}
	return problems
}
