package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/ovf"
)

// inspectedLimits are the quantities that the package allows to go up or down.
func inspectedLimits(i ovf.Inspection) []string {
	var list []string
	for _, p := range i.Plans {
		for _, s := range p.Systems {
			if s.VCPURange != (ovf.InspectionRange{}) {
				plain := func(n int64) string { return fmt.Sprint(n) }
				list = append(list, fmt.Sprintf("%s %s: vcpus %s", p.ID, s.ID, withRange(s.VCPUs, catalog.Range(s.VCPURange), plain)))
			}
			if s.MemoryRange != (ovf.InspectionRange{}) {
				list = append(list, fmt.Sprintf("%s %s: memory %s", p.ID, s.ID, withRange(s.MemoryBytes, catalog.Range(s.MemoryRange), bytesOf)))
			}
		}
	}
	return list
}

// inspectedEnvironments say how each system gets its settings.
func inspectedEnvironments(i ovf.Inspection) []string {
	var list []string
	for _, p := range i.Plans {
		for _, s := range p.Systems {
			if text := fmt.Sprintf("%s: %s", s.ID, s.Environment); !slices.Contains(list, text) {
				list = append(list, text)
			}
		}
	}
	return list
}

func inspectedStartup(i ovf.Inspection) []string {
	var list []string
	for _, s := range i.Startup {
		list = append(list, fmt.Sprintf("%d: %s", s.Order, s.System))
	}
	return list
}

func inspectedCopies(i ovf.Inspection) []string {
	var list []string
	for _, s := range i.ScaleOut {
		to := fmt.Sprintf("%d to %d", s.Minimum, s.Maximum)
		if s.Maximum == 0 {
			to = fmt.Sprintf("%d or more", s.Minimum)
		}
		list = append(list, fmt.Sprintf("%s: %d (%s)", s.System, s.Default, to))
	}
	return list
}

func inspectedPlacement(i ovf.Inspection) []string {
	var list []string
	for _, p := range i.Placement {
		list = append(list, fmt.Sprintf("%s %s: %s", p.Group, p.Policy, strings.Join(p.Members, " ")))
	}
	return list
}

func inspectedLicences(i ovf.Inspection) []string {
	var list []string
	for _, e := range i.Eulas {
		list = append(list, fmt.Sprintf("%s (sha256:%s)", e.Info, e.SHA256))
	}
	return list
}
