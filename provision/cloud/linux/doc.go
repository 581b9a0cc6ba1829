// Package linux is the embedded default cloud: networks are bridges, gateways
// and hosts are network namespaces, appliances are QEMU guests on taps, and
// packets are real. One machine is the whole cloud; it is also a real use, a
// branch-office box.
//
// A tenant has one namespace for its fabric (bridges, taps and the near ends of
// veth pairs), one for each gateway and one for each host:
//
//	bw-SCOPE-TENANT          bridges n-…, taps t-…, plugs g-…, hosts' cables h-…
//	bw-SCOPE-TENANT-gw       far ends p-… of the plugs; lo carries "the public network"
//	bw-SCOPE-TENANT-gw-NAME  the same of a further gateway; a transit v-… joins them
//	bw-SCOPE-TENANT-h-NAME   eth0
//
// SCOPE is the broker's; TENANT is a readable part of the tenant's id and a hash
// of all of it. Every link carries a tag as its alias (see tag), and Observe is
// built only from links, their tags, masters and addresses, and running
// processes. So nothing is remembered that a restart could lose, and a step that
// was interrupted at any instant is completed by doing it again.
//
// Nothing outside the scope's own namespaces, processes and directory is ever
// touched.
package linux

import (
	"log/slog"
)

// Options say where and under which name a Cloud works.
type Options struct {
	// Scope tells brokers on one machine apart: 1 to 16 of a-z and 0-9. Required.
	Scope string
	// Dir holds images, disks of appliances and the facts that do not fit into a
	// link's alias. Required; made when absent. One scope, one Dir.
	Dir string
	// Log gets what goes wrong in passing; nil discards.
	Log *slog.Logger
	// Accelerator is kvm, tcg, or empty to use KVM where it is proved to work.
	Accelerator string
}

// The public network as the demo and tests know it: addresses of the gateway
// that no tenant network has (RFC 5737, RFC 3849), reachable only through it.
const (
	PublicIPv4 = "198.51.100.1"
	PublicIPv6 = "2001:db8:ffff::1"
)
