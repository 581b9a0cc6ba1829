package catalog

import (
	"slices"
	"strconv"
	"strings"
)

// The parameter keys of services that can be redirected to: how the service gets at
// the traffic, which flows it gets, and how many appliances it has. Match is a
// binding's, too.
const (
	KeyMode    = "mode"
	KeyMatch   = "match"
	KeyMembers = "members"
)

// The modes, as packages and parameters spell them.
const (
	ModeInPath   = "in-path"
	ModeRedirect = "redirect"
)

// Who can manage a service, as packages spell it.
const (
	ManagerTenant   = "tenant"
	ManagerProvider = "provider"
)

// ForTenant says whether tenants can have the service.
func (in Insertion) ForTenant() bool { return slices.Contains(in.ManagedBy, ManagerTenant) }

// Offered says whether platforms see the service: it is published, deprecated or not,
// and tenants can have it.
func (s Service) Offered() bool {
	return (s.State == Published || s.State == Deprecated) && s.Insertion.ForTenant()
}

// ForProvider says whether the provider can insert the service for tenants.
func (in Insertion) ForProvider() bool { return slices.Contains(in.ManagedBy, ManagerProvider) }

// InPath says whether the service can stand in path.
func (in Insertion) InPath() bool { return slices.Contains(in.Modes, ModeInPath) }

// Redirects says whether gateways can send flows through the service.
func (in Insertion) Redirects() bool { return slices.Contains(in.Modes, ModeRedirect) }

// Members is the most appliances that an instance can have in redirect mode.
func (in Insertion) Members() int {
	most := 1
	for _, mode := range in.HA {
		if n, ok := strings.CutPrefix(mode, "cluster:"); ok {
			if members, err := strconv.ParseUint(n, 10, 8); err == nil {
				most = max(most, int(members))
			}
		}
	}
	return most
}

// Reserved says whether a parameter is the broker's own and no property.
func (in Insertion) Reserved(key string) bool {
	switch key {
	case KeyNetworks, KeyNetwork, KeyNearest, KeyBefore, KeyAfter, KeyEULAs, KeyCounts, KeyFailure:
		return true
	case KeyAvailability:
		return len(in.Availabilities()) > 1
	case KeySides, KeySide:
		return in.Symmetric()
	case KeyMode, KeyMatch, KeyMembers:
		return in.Redirects()
	}
	return false
}

// addRedirect adds what may be said of a service that can be redirected to.
func (in Insertion) addRedirect(properties map[string]any) {
	if !in.Redirects() {
		return
	}
	modes := []any{ModeRedirect}
	if in.InPath() {
		modes = []any{ModeInPath, ModeRedirect}
	}
	properties[KeyMode] = map[string]any{
		"type": "string", "enum": modes, "default": modes[0],
		"description": "Whether the service stands in path, or the gateway redirects flows through it",
	}
	properties[KeyMatch] = matchSchema("Which flows are redirected; all of them when it is empty")
	if n := in.Members(); n > 1 {
		properties[KeyMembers] = map[string]any{
			"type": "integer", "minimum": 1, "maximum": n,
			"description": "How many appliances share the flows in redirect mode; as many as there can be when it is left out",
		}
	}
}

// maxMatches bounds each list of a classifier, and so the rules of a gateway.
const maxMatches = 64

// matchSchema is the schema of a classifier. All fields together must let a flow
// pass; one that is left out lets every flow pass.
func matchSchema(description string) map[string]any {
	several := func(title string, item map[string]any) map[string]any {
		return map[string]any{"type": "array", "title": title, "items": item, "minItems": 1, "maxItems": maxMatches, "uniqueItems": true}
	}
	addresses := map[string]any{"type": "string", "minLength": 2, "maxLength": 43}
	return map[string]any{
		"type": "object", "description": description, "additionalProperties": false,
		"properties": map[string]any{
			"direction": map[string]any{"type": "string", "title": "Direction: who opened the flow, a host or somebody beyond the gateway", "enum": []any{"outbound", "inbound"}},
			"protocols": several("Protocols", map[string]any{"type": "string", "enum": []any{"tcp", "udp", "sctp", "icmp", "ipv6-icmp", "esp", "gre"}}),
			"ports": several("Destination ports, a number or a range such as 8000-8010", map[string]any{
				"type": []any{"integer", "string"}, "minimum": 1, "maximum": 65535, "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$",
			}),
			"local":  several("Addresses or ranges of hosts", addresses),
			"remote": several("Addresses or ranges beyond the gateway", addresses),
			"dscp":   several("DSCP values", map[string]any{"type": "integer", "minimum": 0, "maximum": 63}),
		},
	}
}
