package topology

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
	"unicode/utf8"
)

// SVG is the picture of Draw as one self-contained SVG 1.1 document: readable on
// light and dark ground, with a title and a description for screen readers.
func SVG(f Fabric, hosts map[NetworkID][]string) []byte {
	p := paint(f, hosts)
	v := newCanvas(p)
	v.open(p)
	for r, l := range p.rows {
		v.line(r, l)
	}
	for _, j := range p.joints {
		v.joint(j)
	}
	for _, l := range p.boxes {
		v.box(l, "appliance")
	}
	for _, g := range p.gates {
		v.box(g, "gateway")
	}
	v.legs(p)
	for i, note := range p.notes {
		v.text(margin, v.floor+float64(i)*18, "note", note)
	}
	v.b.WriteString("</svg>\n")
	return v.b.Bytes()
}

// Measures in user units.
const (
	margin    = 20.0
	rowPitch  = 64.0
	boxHeight = 36.0
	letter    = 7.6 // about the width of a letter at 13 units
	gap       = 34.0
	headline  = 44.0
)

// style colours by role; the second half is for dark ground.
const style = `
  text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
  .title { font-weight: 600; font-size: 15px; }
  .note, .leg, .host { font-size: 11px; fill: #57606a; }
  .mid { text-anchor: middle; }
  path { fill: none; stroke: #57606a; stroke-width: 2; }
  rect { stroke-width: 1.5; }
  .tenant { fill: #ddf4ff; stroke: #0969da; }
  .segment { fill: #ffffff; stroke: #6e7781; stroke-dasharray: 4 3; }
  .appliance { fill: #fff1d6; stroke: #bc4c00; }
  .gateway { fill: #dafbe1; stroke: #1a7f37; }
  .cut { stroke: #cf222e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note, .leg, .host { fill: #9da7b3; }
    path { stroke: #9da7b3; }
    .tenant { fill: #0c2d6b; stroke: #58a6ff; } .segment { fill: #161b22; stroke: #8b949e; }
    .appliance { fill: #4d2d00; stroke: #f0883e; } .gateway { fill: #0f3d1f; stroke: #3fb950; }
    .cut { stroke: #ff7b72; }
  }
`

// canvas is an SVG document in the making.
type canvas struct {
	b      bytes.Buffer
	left   []float64 // of the boxes of each column; the gateways' is the last
	width  []float64 // of the boxes of each column
	behind []float64 // of the segments of each column
	names  float64   // width of the tenant networks' pills
	right  float64
	floor  float64 // where the notes begin
}

func newCanvas(p picture) *canvas {
	v := &canvas{left: make([]float64, p.cols+1), width: make([]float64, p.cols+1), behind: make([]float64, p.cols+1)}
	for _, l := range p.rows {
		v.names = max(v.names, extent(l.network), extent(strings.Join(l.hosts, ", ")))
		for _, s := range l.stops {
			v.behind[s.col] = max(v.behind[s.col], extent(s.segment))
		}
	}
	for _, b := range append(p.boxes, p.gates...) {
		v.width[b.col] = max(v.width[b.col], extent(b.name)+16)
	}
	x := margin + v.names + gap
	for i := range v.left {
		v.left[i] = x
		x += v.width[i]
		if i < p.cols {
			x += v.behind[i] + 2*gap
		}
	}
	v.right = x + margin
	for _, note := range append(p.notes, v.headline(p)) {
		v.right = max(v.right, extent(note)+2*margin)
	}
	v.floor = headline + rowPitch*float64(len(p.rows)) + 12
	return v
}

// extent is about how wide a text is, with some air.
func extent(text string) float64 { return float64(utf8.RuneCountInString(text))*letter + 18 }

func middle(row int) float64 { return headline + rowPitch*(float64(row)+0.5) }

func (v *canvas) headline(p picture) string {
	return "Topology of tenant " + printable(string(p.tenant))
}

func (v *canvas) open(p picture) {
	height := v.floor + 18*float64(len(p.notes))
	fmt.Fprintf(&v.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-labelledby="topology-title topology-desc">`+"\n",
		v.right, height, v.right, height)
	fmt.Fprintf(&v.b, "<title id=\"topology-title\">%s</title>\n<desc id=\"topology-desc\">%s</desc>\n<style>%s</style>\n",
		escape(v.headline(p)), escape(p.describe()), style)
	v.text(margin, 26, "title", v.headline(p))
}

// describe says the picture in words.
func (p picture) describe() string {
	var all []string
	for _, l := range p.rows {
		parts := []string{"Network " + l.network}
		for _, s := range l.stops {
			parts = append(parts, s.name, "segment "+s.segment)
		}
		end := "gateway " + l.gateway
		if l.gateway == "" {
			end = "no gateway reached"
		}
		all = append(all, strings.Join(append(parts, end), ", then ")+".")
	}
	return strings.Join(append(all, p.notes...), " ")
}

func (v *canvas) line(row int, l line) {
	y := middle(row)
	end := v.left[len(v.left)-1]
	class := "wire"
	if l.gateway == "" {
		class = "cut"
		end -= 6
	}
	fmt.Fprintf(&v.b, `<path class="%s" d="M%.1f %.1f H%.1f"/>`+"\n", class, margin+v.names, y, end)
	if l.gateway == "" {
		fmt.Fprintf(&v.b, `<path class="cut" d="M%.1f %.1f l12 12 m0 -12 l-12 12"/>`+"\n", end-6, y-6)
	}
	v.pill(margin, y, v.names, "tenant", l.network)
	if len(l.hosts) > 0 {
		v.text(margin, y+30, "host", "hosts: "+strings.Join(l.hosts, ", "))
	}
	for _, s := range l.stops {
		v.pill(v.left[s.col]+v.width[s.col]+gap, y, v.behind[s.col], "segment", s.segment)
	}
}

func (v *canvas) pill(x, y, w float64, class, name string) {
	fmt.Fprintf(&v.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="26" rx="13"/>`+"\n", class, x, y-13, w)
	v.text(x+w/2, y+4.5, "mid", name)
}

// joint lays one pill over all the rows that share a segment.
func (v *canvas) joint(j joint) {
	x, top, bottom := v.left[j.col]+v.width[j.col]+gap, middle(j.first), middle(j.last)
	fmt.Fprintf(&v.b, `<rect class="segment" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="13"/>`+"\n", x, top-13, v.behind[j.col], bottom-top+26)
	v.text(x+v.behind[j.col]/2, (top+bottom)/2+4.5, "mid", j.name)
}

func (v *canvas) box(b box, class string) {
	x, w, top, bottom := v.left[b.col], v.width[b.col], middle(b.first), middle(b.last)
	fmt.Fprintf(&v.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5"/>`+"\n", class, x, top-boxHeight/2, w, bottom-top+boxHeight)
	v.text(x+w/2, (top+bottom)/2+4.5, "mid", b.name)
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

func (v *canvas) text(x, y float64, class, text string) {
	fmt.Fprintf(&v.b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, x, y, escape(text))
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes everything
	return b.String()
}
