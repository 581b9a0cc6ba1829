package topology

import (
	"fmt"
	"strings"
)

// DOT is a scene in Graphviz's language: networks as ellipses (tenants' own
// filled), appliances as boxes, gateways as houses, plugs as edges, rules as dashed
// edges between a gateway and the appliances that it sends flows through.
func DOT(scene Scene) string {
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n", quote(string(scene.Tenant)))
	dotOf(&b, scene, "")
	b.WriteString("}\n")
	return b.String()
}

// dotOf writes nodes and edges; the nodes' names begin with a prefix.
func dotOf(b *strings.Builder, scene Scene, prefix string) {
	f := Settle(scene.Fabric)
	for _, n := range f.Networks {
		style := map[NetworkRole]string{RoleTenant: "filled", RoleSegment: "solid", RoleManagement: "dashed"}[n.Role]
		text := strings.Join(append([]string{label(n.Name, n.ID)}, ranges(n)...), "\n")
		fmt.Fprintf(b, "  %s [shape=ellipse, style=%s, label=%s];\n", quote(prefix+"network/"+string(n.ID)), style, quote(text))
	}
	for _, a := range f.Appliances {
		face, style := scene.face(&a), "solid"
		if !a.Booted {
			style = "dotted"
		}
		lines := "1"
		if a.Provider {
			lines = "2"
		}
		text := strings.TrimSpace(face.name + "\n" + face.words)
		fmt.Fprintf(b, "  %s [shape=box, style=%s, peripheries=%s, label=%s];\n", quote(prefix+"appliance/"+string(a.ID)), style, lines, quote(text))
	}
	for _, g := range f.Gateways {
		fmt.Fprintf(b, "  %s [shape=house, label=%s];\n", quote(prefix+"gateway/"+string(g.ID)), quote(label(g.Name, g.ID)))
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.At != "" {
				writeEdge(b, prefix+"network/"+string(l.At), prefix+"appliance/"+string(a.ID), l.kindShort(), l.Role == Outside)
			}
		}
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.At != "" {
				writeEdge(b, prefix+"network/"+string(p.At), prefix+"gateway/"+string(g.ID), string(p.Home), false)
			}
		}
	}
	for _, r := range f.Redirects {
		for _, m := range r.Members {
			fmt.Fprintf(b, "  %s -- %s [style=dashed, label=%s];\n", quote(prefix+"gateway/"+string(r.Gateway)), quote(prefix+"appliance/"+string(m.Appliance)),
				quote(fmt.Sprintf("%s: %s", r.Network, r.Match)))
		}
	}
}

// writeEdge draws a plug; traffic goes from left to right, so an outside leg's
// appliance stands left of its network.
func writeEdge(b *strings.Builder, network, thing, text string, outside bool) {
	if outside {
		network, thing = thing, network
	}
	fmt.Fprintf(b, "  %s -- %s [label=%s];\n", quote(network), quote(thing), quote(text))
}

func (l *Leg) kindShort() string {
	if l.Pair > 0 {
		return fmt.Sprintf("%s %d", l.Role, l.Pair)
	}
	return string(l.Role)
}

// quote makes a DOT string: only quotes and backslashes are special in it, and a
// line break is written as one.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
