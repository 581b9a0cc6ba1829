package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
)

// systemTable are the virtual systems of a service's plans.
func systemTable(s api.Service) table {
	t := table{head: []string{"PLAN", "SYSTEM", "VCPUS", "MEMORY", "DISK", "NETWORKS", "FIRMWARE", "ENVIRONMENT"}}
	plain := func(n int64) string { return fmt.Sprint(n) }
	for _, p := range s.Plans {
		for _, m := range p.Systems {
			firmware := m.Firmware
			if m.SecureBoot {
				firmware = strings.TrimSpace(firmware + " secure boot")
			}
			disk := ""
			if m.DiskBytes > 0 {
				disk = bytesOf(m.DiskBytes)
			}
			t.add(p.Name, m.ID, withRange(int64(m.VCPUs), m.VCPURange, plain), withRange(m.MemoryBytes, m.MemoryRange, bytesOf), disk, m.Networks, firmware, m.Environment)
		}
	}
	return t
}

// withRange is a quantity and how far it may go.
func withRange(n int64, r catalog.Range, show func(int64) string) string {
	switch {
	case r.Min > 0 && r.Max > 0:
		return fmt.Sprintf("%s (%s to %s)", show(n), show(r.Min), show(r.Max))
	case r.Min > 0:
		return fmt.Sprintf("%s (from %s)", show(n), show(r.Min))
	case r.Max > 0:
		return fmt.Sprintf("%s (up to %s)", show(n), show(r.Max))
	}
	return show(n)
}

func networkNames(s catalog.Structure) []string {
	var names []string
	for _, n := range s.Networks {
		names = append(names, n.Name)
	}
	return names
}

// startupNames are the systems in the order in which they start.
func startupNames(s catalog.Structure) []string {
	items := slices.Clone(s.Startup)
	slices.SortStableFunc(items, func(a, b catalog.Startup) int { return cmp.Compare(a.Order, b.Order) })
	var names []string
	for _, item := range items {
		names = append(names, fmt.Sprintf("%d: %s", item.Order, item.System))
	}
	return names
}

func copyNames(s catalog.Structure) []string {
	var names []string
	for _, o := range s.ScaleOut {
		names = append(names, fmt.Sprintf("%s: %d (%d to %d)", o.System, o.Default, o.Minimum, o.Maximum))
	}
	return names
}

func placementNames(s catalog.Structure) []string {
	var names []string
	for _, p := range s.Placement {
		names = append(names, fmt.Sprintf("%s %s: %s", p.Group, p.Policy, strings.Join(p.Members, " ")))
	}
	return names
}
