package topology

import (
	"bytes"
	"fmt"
	"strings"
)

// Proposal is a plan to look at before it is done.
type Proposal struct {
	Before Scene  `json:"before"`
	After  Scene  `json:"after"`
	Steps  []Step `json:"steps"`
	Cost   Cost   `json:"cost"`

	// Notes say what else of the tenant's the steps touch, on the cloud where they are
	// to be done.
	Notes []string `json:"notes,omitempty"`
}

// Text is the proposal for people: both pictures, the steps between, and the cost.
func (p Proposal) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Before\n\n%s\nAfter\n\n%s\nSteps\n\n", Draw(p.Before), Draw(p.After))
	b.WriteString(listed(p.Steps))
	fmt.Fprintf(&b, "\nCost\n\n%s\n", p.Cost)
	if len(p.Notes) > 0 {
		fmt.Fprintf(&b, "\nTo know\n\n%s\n", strings.Join(p.Notes, "\n"))
	}
	return b.String()
}

// SVG is the proposal as one document: the pictures, the steps and the cost below
// each other.
func (p Proposal) SVG() []byte {
	lines := []string{}
	for i, s := range p.Steps {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, s))
	}
	lines = append(lines, "")
	lines = append(lines, strings.Split(p.Cost.String(), "\n")...)
	lines = append(lines, p.Notes...)
	before, after := p.Before, p.After
	before.Title, after.Title = "Before", "After"
	pictures := []*canvas{drawn(before, "before"), drawn(after, "after")}
	w, h := 0.0, 0.0
	for _, v := range pictures {
		w, h = max(w, v.right), h+v.bottom+margin
	}
	for _, l := range lines {
		w = max(w, extent(l)*0.85+2*margin)
	}
	var b bytes.Buffer
	head := "Plan for tenant " + label(string(p.Before.Tenant), p.Before.Tenant)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="plan-title">`+"\n",
		w, h+20*float64(len(lines))+margin, w, h+20*float64(len(lines))+margin)
	fmt.Fprintf(&b, "<title id=\"plan-title\">%s</title>\n<style>%s</style>\n<rect class=\"ground\" width=\"100%%\" height=\"100%%\" rx=\"10\"/>\n", escape(head), style)
	y := 0.0
	for _, v := range pictures {
		fmt.Fprintf(&b, `<svg y="%.0f" width="%.0f" height="%.0f">`+"\n", y, v.right, v.bottom)
		b.Write(v.b.Bytes())
		b.WriteString("</svg>\n")
		y += v.bottom + margin
	}
	for i, l := range lines {
		fmt.Fprintf(&b, `<text class="note" x="%.1f" y="%.1f">%s</text>`+"\n", margin, y+20*float64(i), escape(l))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// DOT is the proposal in Graphviz's language: one graph with a cluster for before
// and one for after.
func (p Proposal) DOT() string {
	var b strings.Builder
	var steps strings.Builder
	for i, s := range p.Steps {
		fmt.Fprintf(&steps, "%d. %s\n", i+1, s)
	}
	fmt.Fprintf(&b, "graph %s {\n  rankdir=LR;\n  labeljust=l;\n  label=%s;\n", quote(string(p.Before.Tenant)), quote(steps.String()+"\n"+p.Cost.String()))
	b.WriteString("  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, half := range []struct {
		name  string
		scene Scene
	}{{"before", p.Before}, {"after", p.After}} {
		fmt.Fprintf(&b, "  subgraph %s {\n  label=%s;\n", quote("cluster "+half.name), quote(half.name))
		dotOf(&b, half.scene, half.name+"/")
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String()
}
