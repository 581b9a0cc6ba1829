package sim_test

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// household is a tenant in a play: what was asked for and not refused.
type household struct {
	id       topology.TenantID
	networks []topology.NetworkID
	services []topology.Service
	named    int
	first    topology.Fabric
}

// asked is the household's services as a request would have them; false when it
// makes no sense, as there is nothing to be changed.
func (h *household) asked(a ask) ([]topology.Service, bool) {
	list := slices.Clone(h.services)
	if a.what == "provision" || len(list) == 0 {
		h.named++
		return append(list, h.service(a)), len(list) < 4
	}
	i := a.pick[0] % len(list)
	if a.what == "deprovision" {
		return slices.Delete(list, i, i+1), true
	}
	if a.what == "other side" {
		return h.otherSide(list, list[i], a)
	}
	s := &list[i]
	s.Stitches, s.Replicas = slices.Clone(s.Stitches), slices.Clone(s.Replicas)
	return list, h.change(s, a)
}

// otherSide adds the other side of a symmetric service, on networks of its own.
func (h *household) otherSide(list []topology.Service, s topology.Service, a ask) ([]topology.Service, bool) {
	if s.Side != "branch" || slices.ContainsFunc(list, func(o topology.Service) bool { return o.Instance == s.Instance && o.Side != s.Side }) {
		return list, false
	}
	s.Side, s.Stitches = "datacenter", nil
	s.Replicas = []topology.Replica{h.replica(s, 0)}
	h.stitch(&s, a.pick[1], a.pick[2])
	return append(list, s), true
}

func (h *household) change(s *topology.Service, a ask) bool {
	stitch := 0
	if len(s.Stitches) > 0 {
		stitch = a.pick[1] % len(s.Stitches)
	}
	switch a.what {
	case "bind":
		return h.stitch(s, a.pick[1], a.pick[2])
	case "replace":
		s.Generation++
		return true
	case "respin":
		s.Replicas[a.pick[1]%len(s.Replicas)].Start++
		return true
	case "take over":
		if s.Mode != topology.InPath || len(s.Replicas) < 2 {
			return false
		}
		s.Replicas[0].Idle, s.Replicas[1].Idle = s.Replicas[1].Idle, s.Replicas[0].Idle
		return true
	case "members":
		return h.members(s, a)
	case "mode":
		return h.turn(s)
	case "die":
		return true
	}
	if len(s.Stitches) == 0 {
		return false
	}
	switch a.what {
	case "unbind":
		s.Stitches = slices.Delete(s.Stitches, stitch, stitch+1)
	case "reorder":
		s.Stitches[stitch].Rank = a.pick[2]%7 - 3
	case "bypass":
		s.Stitches[stitch].Bypassed = !s.Stitches[stitch].Bypassed
	}
	return true
}

// service is a new one: bridged with up to three pairs of legs, or isolated with
// one outside leg, or redirected to.
func (h *household) service(a ask) topology.Service {
	name := fmt.Sprintf("%s-s%d", h.id, h.named)
	s := topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged, Provider: a.pick[2]%5 == 0,
		NICs: []topology.NIC{{Role: topology.Management}}}
	if a.pick[5]%4 == 0 {
		s.Side = "branch"
	}
	pairs := 1 + a.pick[1]%3
	if pairs > 1 && a.pick[2]%2 == 0 {
		s.Zones = topology.Isolated
	}
	for p := range pairs {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: p + 1})
		if p == 0 || s.Zones == topology.Bridged {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Outside, Pair: p + 1})
		}
	}
	s.Replicas = []topology.Replica{h.replica(s, 0)}
	if a.pick[3]%4 == 0 {
		s.Replicas = append(s.Replicas, h.replica(s, 1))
		s.Replicas[1].Idle = true
	}
	if a.pick[3]%4 == 1 {
		h.turn(&s)
	}
	for i := range a.pick[4] % (pairs + 1) {
		h.stitch(&s, a.pick[5]+i, a.pick[5]>>4)
	}
	return s
}

// replica has a management address of its own in the tenant.
func (h *household) replica(s topology.Service, replica int) topology.Replica {
	n := replica
	number := 0
	_, _ = fmt.Sscanf(string(s.Instance), string(h.id)+"-s%d", &number)
	if s.Side == "datacenter" {
		n += 100
	}
	return topology.Replica{Number: replica, Management: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 255, byte(n), byte(number + 1)}), 16)}
}

// stitch takes a free pair for a network that the service is not in yet.
func (h *household) stitch(s *topology.Service, network, rank int) bool {
	st := topology.Stitch{Network: h.networks[network%len(h.networks)], Rank: rank%7 - 3, Side: s.Side}
	for _, nic := range s.NICs {
		free := nic.Role == topology.Inside && !slices.ContainsFunc(s.Stitches, func(o topology.Stitch) bool { return o.Pair == nic.Pair })
		if st.Pair == 0 && (free || nic.Role == topology.Inside && s.Mode == topology.Redirected) {
			st.Pair = nic.Pair
		}
	}
	if st.Pair == 0 || slices.ContainsFunc(s.Stitches, func(o topology.Stitch) bool { return o.Network == st.Network }) {
		return false
	}
	if s.Mode == topology.Redirected {
		st.Match = h.match(*s)
	}
	s.Stitches = append(s.Stitches, st)
	return true
}

// match is the flows that a service is redirected: two services in three have some
// of their own, so that two of the same are refused.
func (h *household) match(s topology.Service) *topology.Classifier {
	first := uint16(100 * (len(s.NICs) % 3))
	return &topology.Classifier{Ports: []topology.Ports{{First: first + 1, Last: first + 50}}}
}

// turn changes a service's mode, with another generation of its appliances.
func (h *household) turn(s *topology.Service) bool {
	if s.Mode == topology.Redirected {
		s.Mode = topology.InPath
		for i := range s.Replicas {
			s.Replicas[i].Idle = i > 0
		}
		inside := slices.DeleteFunc(slices.Clone(s.NICs), func(n topology.NIC) bool { return n.Role != topology.Inside })
		s.Stitches = s.Stitches[:min(len(s.Stitches), len(inside))]
		for i := range s.Stitches {
			s.Stitches[i].Pair, s.Stitches[i].Match = inside[i].Pair, nil
		}
	} else {
		s.Mode = topology.Redirected
		for i := range s.Stitches {
			s.Stitches[i].Pair, s.Stitches[i].Match = 1, h.match(*s)
		}
		for i := range s.Replicas {
			s.Replicas[i].Idle = false
		}
	}
	s.Generation++
	return true
}

// members adds one to a service in redirect mode, removes one, or has one idle.
func (h *household) members(s *topology.Service, a ask) bool {
	if s.Mode != topology.Redirected {
		return false
	}
	n := len(s.Replicas)
	switch {
	case a.pick[1]%3 == 0 && n < 3:
		s.Replicas = append(s.Replicas, h.replica(*s, n))
	case a.pick[1]%3 == 1 && n > 1:
		s.Replicas = s.Replicas[:n-1]
	default:
		i := a.pick[2] % n
		s.Replicas[i].Idle = !s.Replicas[i].Idle
	}
	return true
}
