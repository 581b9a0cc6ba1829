package topology

import (
	"fmt"
	"slices"
	"strings"
)

// below draws what is no line from hosts to gateway: services in redirect mode,
// appliances beside the path, management networks, notes, and the legend.
func (v *canvas) below(p picture) {
	y := v.floor
	for _, t := range p.turns {
		v.turn(t, y+rowPitch/2)
		y += rowPitch
	}
	for _, a := range p.aside {
		v.face(a.face, margin, y, a.width(), boxHeight)
		v.text(margin+a.width()+14, y+boxHeight/2+4.5, "note", a.where)
		y += boxHeight + 12
	}
	for _, m := range p.manage {
		w := extent(m.name)
		v.group("management network " + m.name + ", made by Bumpwire")
		fmt.Fprintf(&v.b, `<rect class="management" x="%.1f" y="%.1f" width="%.1f" height="26" rx="13"/>`+"\n", margin, y, w)
		v.text(margin+w/2, y+17.5, "mid", m.name)
		v.end()
		v.text(margin+w+14, y+17.5, "note", m.members)
		y += boxHeight
	}
	for _, n := range p.notes {
		v.text(margin, y+12, "warn", "▲ "+n)
		y += lineOf
	}
	top := v.bottom - lineOf*float64(v.legend(p, nil))
	v.legend(p, func(s swatch, x float64, line int) { v.swatch(s, x, top+lineOf*float64(line)) })
}

// words of a turn stand over and under its line, before its first box.
func (t turned) words() (over, under string) {
	return "flows of " + t.networks, t.match
}

func (v *canvas) turnWidth(t turned) float64 {
	over, under := t.words()
	w := max(extent(over), extent(under)) + gap
	for _, m := range t.members {
		w += m.width() + 10
	}
	return w + gap + extent(t.gateway) + 14
}

// turn draws the gateway's way through the members of a service and back.
func (v *canvas) turn(t turned, y float64) {
	over, under := t.words()
	gate := extent(t.gateway) + 14
	at := max(v.edge-gate, margin+v.turnWidth(t)-gate)
	v.group(fmt.Sprintf("gateway %s sends flows of %s (%s) through one of these and takes them back", t.gateway, t.networks, t.match))
	fmt.Fprintf(&v.b, `<path class="turn" d="M%.1f %.1f H%.1f"/>`+"\n", margin, y, at)
	v.end()
	v.text(margin, y-6, "strong", over)
	v.text(margin, y+17, "note", under)
	x := at - gap
	for _, m := range slices.Backward(t.members) {
		x -= m.width()
		v.face(m, x, y-boxHeight/2, m.width(), boxHeight)
		x -= 10
	}
	if len(t.members) == 0 {
		fmt.Fprintf(&v.b, `<path class="cut" d="M%.1f %.1f l14 14 m0 -14 l-14 14"/>`+"\n", at-gap, y-7)
	}
	v.text(at-gap/2, y-5, "mid leg", "⇄")
	v.face(face{name: t.gateway, class: "gateway", title: "gateway " + t.gateway}, at, y-boxHeight/2, gate, boxHeight)
}

type swatch struct{ class, text string }

// swatches are the kinds of thing that the picture has.
func swatches(p picture) []swatch {
	var list []swatch
	add := func(has bool, class, text string) {
		if has {
			list = append(list, swatch{class, text})
		}
	}
	add(len(p.nets) > 0, "tenant", "network of the tenant")
	add(len(p.gates)+len(p.turns) > 0, "gateway", "gateway of the tenant")
	classes := ""
	segments := false
	for _, b := range p.boxes {
		classes += " " + b.class
		segments = true
	}
	for _, t := range p.turns {
		for _, m := range t.members {
			classes += " " + m.class
		}
	}
	for _, a := range p.aside {
		classes += " " + a.class
	}
	add(strings.Contains(classes, "appliance"), "appliance", "appliance")
	add(strings.Contains(classes, "provider"), "appliance provider", "appliance of the provider")
	add(segments, "segment", "segment made by Bumpwire")
	add(len(p.manage) > 0, "management", "management network made by Bumpwire")
	return list
}

func (s swatch) width() float64 { return 40 + 6.6*float64(len(s.text)) }

// legend calls draw for every kind of thing with its place, and answers how many
// lines they take.
func (v *canvas) legend(p picture, draw func(s swatch, x float64, line int)) (lines int) {
	x := margin
	for _, s := range swatches(p) {
		if lines == 0 || x+s.width() > v.right-margin {
			x, lines = margin, lines+1
		}
		if draw != nil {
			draw(s, x, lines-1)
		}
		x += s.width()
	}
	return lines
}

func (v *canvas) swatch(s swatch, x, y float64) {
	fmt.Fprintf(&v.b, `<rect class="%s" x="%.1f" y="%.1f" width="22" height="12" rx="%d"/>`+"\n", s.class, x, y, roundness(s.class))
	v.text(x+28, y+10, "leg", s.text)
}

func roundness(class string) int {
	if strings.HasPrefix(class, "appliance") || class == "gateway" {
		return 3
	}
	return 6
}
