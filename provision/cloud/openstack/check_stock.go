package openstack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/utils"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// compute looks whether servers can be made and run.
func (e *examination) compute(ctx context.Context) {
	const need = "API " + computeVersion
	switch versions, err := e.d.computeVersions(ctx); {
	case err != nil:
		e.unknown("compute", need, err)
	case has(versions, computeVersion):
		e.met("compute", need, "%s", between(versions))
	default:
		e.lacks("compute", need, between(versions)+" only", "use Nova from Pike on")
	}
	e.zones(ctx, "compute", e.d.session.compute, "a zone with hosts", "see that nova-compute runs on the hosts (openstack compute service list), and is known to a cell (nova-manage cell_v2 discover_hosts)")
}

func (d *Driver) computeVersions(ctx context.Context) (v utils.SupportedMicroversions, err error) {
	address, err := utils.BaseVersionedEndpoint(d.session.compute.Endpoint)
	if err != nil {
		return v, err
	}
	list, err := utils.GetServiceVersions(ctx, d.provider, address, true)
	if err != nil {
		return v, said("read Nova's versions", err)
	}
	for _, o := range list {
		if o.Major == 2 && (o.MaxMajor > v.MaxMajor || o.MaxMinor > v.MaxMinor) {
			v = o.SupportedMicroversions
		}
	}
	return v, nil
}

func has(v utils.SupportedMicroversions, version string) bool {
	ok, err := v.IsSupported(version)
	return err == nil && ok
}

func between(v utils.SupportedMicroversions) string {
	return fmt.Sprintf("%d.%d to %d.%d", v.MinMajor, v.MinMinor, v.MaxMajor, v.MaxMinor)
}

// zones looks for an availability zone that works, which Nova and Cinder tell alike.
func (e *examination) zones(ctx context.Context, area string, c *gophercloud.ServiceClient, need, remedy string) {
	answer, err := read[struct {
		Zones []struct {
			Name  string                   `json:"zoneName"`
			State struct{ Available bool } `json:"zoneState"`
		} `json:"availabilityZoneInfo"`
	}](ctx, c, "the availability zones", "os-availability-zone")
	if err != nil {
		e.unknown(area, need, err)
		return
	}
	var names []string
	for _, z := range answer.Zones {
		if z.State.Available {
			names = append(names, z.Name)
		}
	}
	if len(names) == 0 {
		e.lacks(area, need, "no zone is available", remedy)
		return
	}
	e.met(area, need, "%s", some(names))
}

// flavors looks for one that a typical appliance fits in, where none can be made.
func (e *examination) flavors(ctx context.Context) {
	const need = "a flavor for each plan"
	list, err := e.d.flavors(ctx)
	if err != nil {
		e.unknown("compute", need, err)
		return
	}
	if _, err := read[any](ctx, e.d.session.compute, "Nova's services", "os-services"); err == nil {
		e.met("compute", need, "made as plans need them, by an administrator of Nova")
		return
	}
	const remedy = "give the account the role admin, or make public flavors with the CPUs and memory of the plans"
	f, ok := roomy(list, typicalSize)
	if !ok {
		e.missing("compute", need, fault.New(fault.Full, "none of %d public ones has %s, and the account may make none", len(list), typicalSize), remedy)
		return
	}
	e.limited("compute", need, fmt.Sprintf("the account may make none: plans get the next larger of %d, such as %s", len(list), f.Name), remedy)
}

// images looks which disks Glance takes.
func (e *examination) images(ctx context.Context) {
	const need = "images of packages' disk formats"
	schema, err := read[struct {
		Properties struct {
			Format struct{ Enum []any } `json:"disk_format"`
		}
	}](ctx, e.d.image, "Glance's schema", "schemas", "image")
	if err != nil {
		e.unknown("image", need, err)
		return
	}
	var lacking []string
	for _, format := range []string{"vmdk", "qcow2", "raw", "vhd", "vhdx", "vdi"} {
		if !slices.Contains(schema.Properties.Format.Enum, any(format)) {
			lacking = append(lacking, format)
		}
	}
	if len(lacking) > 0 {
		e.limited("image", need, "Glance refuses "+strings.Join(lacking, ", ")+": packages with such disks cannot be provisioned", "add them to disk_formats of Glance")
		return
	}
	e.met("image", need, "all are taken")
}

// volumes looks whether volumes can be made.
func (e *examination) volumes(ctx context.Context) {
	e.zones(ctx, "volume", e.d.volume, "a zone with storage", "see that cinder-volume runs (openstack volume service list)")
	const need = "a volume type"
	answer, err := read[struct {
		Types []struct{ Name string } `json:"volume_types"`
	}](ctx, e.d.volume, "the volume types", "types")
	if err != nil {
		e.unknown("volume", need, err)
		return
	}
	var names []string
	for _, t := range answer.Types {
		names = append(names, t.Name)
	}
	if len(names) == 0 {
		e.lacks("volume", need, "the account is shown none", "make one (openstack volume type create), or make one public")
		return
	}
	e.met("volume", need, "%s", some(names))
}
