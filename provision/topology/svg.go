package topology

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// SVG is the picture of Draw as one self-contained SVG 1.1 document: readable on
// light and dark ground and without colours, with a title on each thing and a
// description for screen readers.
func SVG(s Scene) []byte {
	v := drawn(s, "topology")
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="topology-title topology-desc">`+"\n",
		v.right, v.bottom, v.right, v.bottom)
	fmt.Fprintf(&b, "<style>%s</style>\n", style)
	b.Write(v.b.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// drawn is the picture without the element around it. Its title and description have
// ids that begin with a word.
func drawn(s Scene, id string) *canvas {
	p := paint(s)
	v := newCanvas(p)
	v.open(p, id)
	for r, l := range p.rows {
		v.line(r, l)
	}
	v.ties(p)
	for _, n := range p.nets {
		v.network(n, p.rows[n.first])
	}
	for _, j := range p.joints {
		v.segment(j.name, j.col, j.first, j.last)
	}
	for _, b := range p.boxes {
		v.box(b)
	}
	for _, g := range p.gates {
		v.box(g)
	}
	v.legs(p)
	v.below(p)
	return v
}

// Measures in user units.
const (
	margin    = 24.0
	rowPitch  = 64.0
	boxHeight = 40.0
	gap       = 30.0
	headline  = 52.0
	lineOf    = 24.0  // of words below the rows
	shortest  = 150.0 // between a network and its gateway
	tieStep   = 12.0
)

// canvas is an SVG document in the making.
type canvas struct {
	b      bytes.Buffer
	left   []float64 // of the boxes of each column; the gateways' is the last
	width  []float64 // of the boxes of each column
	behind []float64 // of the segments of each column
	names  float64   // width of the tenant networks' pills
	edge   float64   // of the gateways' right side
	right  float64
	floor  float64 // where what is below the rows begins
	bottom float64
}

func newCanvas(p picture) *canvas {
	v := &canvas{left: make([]float64, p.cols+1), width: make([]float64, p.cols+1), behind: make([]float64, p.cols+1)}
	for _, l := range p.rows {
		v.names = max(v.names, extent(l.network), extent(hostsOf(l))*0.85)
		for _, s := range l.stops {
			v.behind[s.col] = max(v.behind[s.col], extent(s.segment))
		}
	}
	for _, b := range slices.Concat(p.boxes, p.gates) {
		v.width[b.col] = max(v.width[b.col], b.width())
	}
	x := margin + v.names + gap
	for i := range v.left {
		if i == p.cols {
			x = max(x, margin+v.names+shortest)
		}
		v.left[i] = x
		x += v.width[i]
		if i < p.cols {
			x += v.behind[i] + 2*gap
		}
	}
	v.floor = headline + rowPitch*float64(len(p.rows)) + 8
	if len(p.rows) == 0 {
		v.floor = headline + 4
	}
	v.edge = x
	v.widen(p)
	return v
}

// widen makes room for what is below the rows and beside the gateways.
func (v *canvas) widen(p picture) {
	v.right = v.edge + margin + tieStep*float64(len(fragmented(p)))
	v.right = max(v.right, extent(p.title)*1.15+2*margin)
	v.bottom = v.floor
	for _, t := range p.turns {
		v.right = max(v.right, v.turnWidth(t)+2*margin)
		v.bottom += rowPitch
	}
	for _, a := range p.aside {
		v.right = max(v.right, a.width()+extent(a.where)*0.85+2*margin+14)
		v.bottom += boxHeight + 12
	}
	for _, m := range p.manage {
		v.right = max(v.right, extent(m.name)+extent(m.members)*0.85+2*margin+14)
		v.bottom += boxHeight
	}
	for _, n := range p.notes {
		v.right = max(v.right, extent(n)+2*margin)
		v.bottom += lineOf
	}
	for _, s := range swatches(p) {
		v.right = max(v.right, s.width()+2*margin)
	}
	v.bottom += 20 + lineOf*float64(v.legend(p, nil))
}

func (f face) width() float64 { return max(extent(f.name)+14, extent(f.words)*0.85+26, 64) }

// extent is about how wide a text is, with some air.
func extent(text string) float64 {
	w := 18.0
	for _, r := range text {
		if r >= 0x1100 { // most scripts from there on are wide
			w += 13.5
			continue
		}
		w += 8
	}
	return w
}

func middle(row int) float64 { return headline + rowPitch*(float64(row)+0.5) }

func hostsOf(l line) string {
	const most = 4
	names := l.hosts
	switch more := len(names) - most; {
	case len(names) == 0:
		return ""
	case more > 0:
		names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more))
	}
	return "hosts: " + strings.Join(names, ", ")
}

func (v *canvas) open(p picture, id string) {
	fmt.Fprintf(&v.b, "<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">%s</desc>\n", id, escape(p.title), id, escape(p.describe()))
	fmt.Fprintf(&v.b, "<rect class=\"ground\" width=\"%.0f\" height=\"%.0f\" rx=\"10\"/>\n", v.right, v.bottom)
	v.text(margin, 32, "title", p.title)
}

// describe says the picture in words.
func (p picture) describe() string {
	var all []string
	for _, l := range p.rows {
		parts := []string{"Network " + l.network}
		for _, s := range l.stops {
			parts = append(parts, s.box.caption(), "segment "+s.segment)
		}
		end := "gateway " + l.gateway
		if l.gateway == "" {
			end = "no gateway reached"
		}
		all = append(all, strings.Join(append(parts, end), ", then ")+".")
	}
	return strings.Join(append(all, p.sentences()...), " ")
}

func (v *canvas) line(row int, l line) {
	y := middle(row)
	end := v.left[len(v.left)-1]
	class := "wire"
	if l.gateway == "" {
		class = "cut"
		end -= 8
	}
	fmt.Fprintf(&v.b, `<path class="%s" d="M%.1f %.1f H%.1f"/>`+"\n", class, margin+v.names, y, end)
	if l.gateway == "" {
		fmt.Fprintf(&v.b, `<path class="cut" d="M%.1f %.1f l14 14 m0 -14 l-14 14"/>`+"\n", end-7, y-7)
	}
	for _, s := range l.stops {
		v.segment(s.segment, s.col, row, row)
	}
}

// network is one pill before all its lines, with the hosts on it.
func (v *canvas) network(n box, l line) {
	y := (middle(n.first) + middle(n.last)) / 2
	v.group(n.title)
	fmt.Fprintf(&v.b, `<rect class="tenant" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="14"/>`+"\n",
		margin, middle(n.first)-14, v.names, middle(n.last)-middle(n.first)+28)
	v.text(margin+v.names/2, y+4.5, "mid", n.name)
	v.end()
	if hosts := hostsOf(l); hosts != "" {
		v.text(margin+8, middle(n.last)+29, "host", hosts)
	}
}

// segment is one pill over all the rows that share it.
func (v *canvas) segment(name string, col, first, last int) {
	x, top, bottom := v.left[col]+v.width[col]+gap, middle(first), middle(last)
	v.group("segment " + name + ", made by Bumpwire")
	fmt.Fprintf(&v.b, `<rect class="segment" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="14"/>`+"\n", x, top-14, v.behind[col], bottom-top+28)
	v.text(x+v.behind[col]/2, (top+bottom)/2+4.5, "mid", name)
	v.end()
}

func (v *canvas) box(b box) {
	x, w, top, bottom := v.left[b.col], v.width[b.col], middle(b.first), middle(b.last)
	v.face(b.face, x, top-boxHeight/2, w, bottom-top+boxHeight)
}

// face draws a box with what stands on it.
func (v *canvas) face(f face, x, y, w, h float64) {
	v.group(f.title)
	fmt.Fprintf(&v.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="6"/>`+"\n", f.class, x, y, w, h)
	if strings.Contains(f.class, "provider") {
		fmt.Fprintf(&v.b, `<rect class="provider inner" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="4"/>`+"\n", x+3, y+3, w-6, h-6)
	}
	middle := y + h/2 + 4.5
	if f.words != "" {
		v.text(x+w/2, middle+10, "mid words "+tone(f), mark(f)+" "+f.words)
		middle -= 5
	}
	v.text(x+w/2, middle, "mid strong", f.name)
	v.end()
}

// mark tells how an appliance does without colour; tone adds the colour.
func mark(f face) string {
	switch tone(f) {
	case "good":
		return "●"
	case "ill":
		return "▲"
	}
	return "○"
}

func tone(f face) string {
	switch {
	case strings.Contains(f.words, "failing"), strings.Contains(f.words, "off"):
		return "ill"
	case strings.Contains(f.words, "healthy"):
		return "good"
	}
	return "plain"
}

// legs writes the roles of legs beside the boxes.
func (v *canvas) legs(p picture) {
	for r, l := range p.rows {
		for _, s := range l.stops {
			x, y := v.left[s.col], middle(r)-5
			fmt.Fprintf(&v.b, `<text class="leg" x="%.1f" y="%.1f" text-anchor="end">in</text>`+"\n", x-5, y)
			v.text(x+v.width[s.col]+5, y, "leg", "out")
		}
	}
}

// fragmented are the gateways that stand in several places, by name, in order.
func fragmented(p picture) []string {
	var once, twice []string
	for _, g := range p.gates {
		switch {
		case slices.Contains(twice, g.name):
		case slices.Contains(once, g.name):
			twice = append(twice, g.name)
		default:
			once = append(once, g.name)
		}
	}
	return twice
}

// ties joins the places of one gateway.
func (v *canvas) ties(p picture) {
	for i, name := range fragmented(p) {
		x := v.edge + tieStep*float64(i+1)
		first, last := -1.0, 0.0
		for _, g := range p.gates {
			if g.name != name {
				continue
			}
			y := (middle(g.first) + middle(g.last)) / 2
			if first < 0 {
				first = y
			}
			last = y
			fmt.Fprintf(&v.b, `<path class="tie" d="M%.1f %.1f H%.1f"/>`+"\n", v.edge, y, x)
		}
		fmt.Fprintf(&v.b, `<path class="tie" d="M%.1f %.1f V%.1f"/>`+"\n", x, first, last)
	}
}

func (v *canvas) group(title string) {
	fmt.Fprintf(&v.b, "<g><title>%s</title>\n", escape(printable(title)))
}

func (v *canvas) end() { v.b.WriteString("</g>\n") }

func (v *canvas) text(x, y float64, class, text string) {
	fmt.Fprintf(&v.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, x, y, escape(text))
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes everything
	return b.String()
}
