package openstack

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	blocklimits "github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/limits"
	computelimits "github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A limit is what the account's project may have of one thing, and has. Most is
// negative where there is no limit.
type limit struct {
	Of         string // for people, in the plural: "ports"
	Most, Used int
}

// need is how many of each thing something takes, by the names of limits.
type need map[string]int

// The names of limits.
const (
	ofNetworks, ofSubnets, ofPorts   = "networks", "subnets", "ports"
	ofServers, ofVCPUs, ofMemory     = "servers", "vCPUs", "MiB of memory"
	ofServerGroups                   = "server groups"
	ofVolumes, ofGiB                 = "volumes", "GiB of volumes"
	ofFloatingIPs, ofRouters, ofKeys = "floating IPs", "routers", "key pairs"
)

// short is the refusal of what does not fit, Full with each limit that is too
// low; nil when all fits.
func short(limits []limit, n need) error {
	var lines []string
	for _, l := range limits {
		if takes := n[l.Of]; takes > 0 && l.Most >= 0 && l.Used+takes > l.Most {
			lines = append(lines, fmt.Sprintf("quota for %s is %d, %d used, this plan needs %d", l.Of, l.Most, l.Used, takes))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Full, Message: strings.Join(lines, "; ")}
}

// needs are what the steps of a plan take while the plan runs: makes come before
// removals, so that nothing is given back in between.
func needs(steps []topology.Step, machines map[topology.ApplianceID]cloud.Server) need {
	n, moves := need{}, 0
	for _, s := range steps {
		switch s.Verb {
		case topology.CreateNetwork:
			n[ofNetworks]++
			n[ofSubnets] += len(s.Network.Subnets)
		case topology.CreatePort:
			n[ofPorts]++
			if s.Leg.At == "" {
				n[ofNetworks]++ // it waits on one of its own
			}
		case topology.Move:
			moves = 1 // the record of a move is a port, there until it is over
		case topology.Boot:
			n.boot(machines[s.Appliance.ID])
		}
	}
	n[ofPorts] += moves
	return n
}

func (n need) boot(s cloud.Server) {
	n[ofServers]++
	n[ofVCPUs] += s.VCPUs
	n[ofMemory] += mebibytes(s.MemoryBytes)
	for _, d := range extras(s.Disks) {
		n[ofVolumes]++
		n[ofGiB] += gibibytes(d.CapacityBytes)
	}
	if s.Environment != nil {
		n[ofVolumes]++
		n[ofGiB] += gibibytes(int64(len(s.Environment)))
	}
	if s.Group.ID != "" {
		n[ofServerGroups]++
	}
}

func mebibytes(n int64) int { return parts(n, 1<<20) }
func gibibytes(n int64) int { return parts(n, 1<<30) }

func parts(n, size int64) int {
	if n <= 0 {
		return 0
	}
	return int(min((n-1)/size+1, math.MaxInt32))
}

// limits are those of the account's project, in which all is made. A service that
// does not tell its quotas limits nothing here, and refuses for itself.
func (d *Driver) limits(ctx context.Context) ([]limit, error) {
	var net, machines, disks []limit
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() (err error) { net, err = d.networkLimits(ctx); return err })
	all.Go(func() (err error) { machines, err = d.computeLimits(ctx); return err })
	all.Go(func() (err error) { disks, err = d.volumeLimits(ctx); return err })
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return append(append(net, machines...), disks...), nil
}

func (d *Driver) networkLimits(ctx context.Context) ([]limit, error) {
	q, err := quotas.GetDetail(ctx, d.network, d.project).Extract()
	if err != nil || q == nil {
		return nil, untold("read the network quotas", err)
	}
	of := func(name string, q quotas.QuotaDetail) limit { return limit{name, q.Limit, q.Used + q.Reserved} }
	return []limit{of(ofNetworks, q.Network), of(ofSubnets, q.Subnet), of(ofPorts, q.Port), of(ofFloatingIPs, q.FloatingIP), of(ofRouters, q.Router)}, nil
}

func (d *Driver) computeLimits(ctx context.Context) ([]limit, error) {
	l, err := computelimits.Get(ctx, d.compute, nil).Extract()
	if err != nil || l == nil {
		return nil, untold("read the compute quotas", err)
	}
	a := l.Absolute
	return []limit{
		{ofServers, a.MaxTotalInstances, a.TotalInstancesUsed}, {ofVCPUs, a.MaxTotalCores, a.TotalCoresUsed},
		{ofMemory, a.MaxTotalRAMSize, a.TotalRAMUsed}, {ofServerGroups, a.MaxServerGroups, a.TotalServerGroupsUsed},
	}, nil
}

func (d *Driver) volumeLimits(ctx context.Context) ([]limit, error) {
	if d.volume == nil {
		return nil, nil
	}
	l, err := blocklimits.Get(ctx, d.volume).Extract()
	if err != nil || l == nil {
		return nil, untold("read the volume quotas", err)
	}
	a := l.Absolute
	return []limit{{ofVolumes, a.MaxTotalVolumes, a.TotalVolumesUsed}, {ofGiB, a.MaxTotalVolumeGigabytes, a.TotalGigabytesUsed}}, nil
}

// untold is nil where quotas are not told, or the account may not read them: the services
// keep them anyway.
func untold(what string, err error) error {
	err = said(what, err)
	switch fault.KindOf(err) {
	case fault.Forbidden, fault.NotFound:
		return nil
	}
	return err
}

// Afford refuses a plan that the quotas of the account's project have no room for,
// before anything of it is made. See cloud.Affording.
func (d *Driver) Afford(ctx context.Context, steps []topology.Step, machines map[topology.ApplianceID]cloud.Server) error {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s topology.Step) bool {
		return s.Verb == topology.CreateNetwork && d.shares(*s.Network)
	})
	n := needs(steps, machines)
	if len(n) == 0 {
		return nil
	}
	limits, err := d.limits(ctx)
	if err != nil {
		return err
	}
	return short(limits, n)
}
