package topology

import (
	"strings"
	"unicode/utf8"
)

// Draw is a picture of a scene in text: a line per tenant network, from its hosts
// through its services and the segments behind them to its gateway.
func Draw(scene Scene) string {
	p := paint(scene)
	s := newSheet(p)
	for r, l := range p.rows {
		s.line(r, l)
	}
	for _, n := range p.nets {
		s.network(n, p.rows[n.first])
	}
	for _, b := range p.boxes {
		s.box(b)
	}
	for _, b := range p.gates {
		s.box(b)
	}
	for _, j := range p.joints {
		s.joint(j)
	}
	text := s.String()
	if notes := p.sentences(); len(notes) > 0 {
		text += "\n" + strings.Join(notes, "\n") + "\n"
	}
	return text
}

// sheet is text to draw on. A row takes three lines of it, a column as much as
// its widest box and segment need.
type sheet struct {
	cells [][]rune
	left  []int // where the box of each column begins; the gateways' is the last
	width []int // of the boxes of each column
	start int   // where lines begin, behind the networks' names
}

const rowHeight = 3

func newSheet(p picture) *sheet {
	s := &sheet{left: make([]int, p.cols+1), width: make([]int, p.cols+1)}
	behind := make([]int, p.cols+1)
	for _, l := range p.rows {
		s.start = max(s.start, utf8.RuneCountInString(l.title())+1)
		for _, t := range l.stops {
			behind[t.col] = max(behind[t.col], utf8.RuneCountInString(t.segment)+6)
		}
	}
	for _, b := range append(p.boxes, p.gates...) {
		s.width[b.col] = max(s.width[b.col], utf8.RuneCountInString(b.caption())+4)
	}
	x := s.start + 3
	for i := range s.left {
		s.left[i] = x
		x += s.width[i] + behind[i]
	}
	s.cells = make([][]rune, rowHeight*len(p.rows))
	for y := range s.cells {
		s.cells[y] = []rune(strings.Repeat(" ", x+1)) // where there is no gateway, a cross stands in its place
	}
	return s
}

// title is what stands before a line.
func (l line) title() string {
	if len(l.hosts) == 0 {
		return l.network
	}
	return strings.Join(l.hosts, ", ") + " ── " + l.network
}

func (s *sheet) put(x, y int, text string) {
	for _, r := range text {
		if x < len(s.cells[y]) {
			s.cells[y][x] = r
		}
		x++
	}
}

func (s *sheet) line(row int, l line) {
	y := rowHeight*row + 1
	end := s.left[len(s.left)-1]
	from := utf8.RuneCountInString(l.title()) + 1
	s.put(from, y, strings.Repeat("─", end-from))
	for _, t := range l.stops {
		s.put(s.left[t.col]+s.width[t.col]+2, y, " "+t.segment+" ")
	}
	if l.gateway == "" {
		s.put(end, y, "✗")
	}
}

// network writes a network once, before the lines to all its gateways.
func (s *sheet) network(n box, l line) {
	s.put(0, rowHeight*n.first+1, l.title())
	x := utf8.RuneCountInString(l.title()) + 1
	for y := rowHeight*n.first + 2; y <= rowHeight*n.last+1; y++ {
		tie := "│"
		if y%rowHeight == 1 {
			tie = "├"
		}
		s.put(x, y, tie)
	}
	if n.last > n.first {
		s.put(x, rowHeight*n.first+1, "┬")
		s.put(x, rowHeight*n.last+1, "└")
	}
}

func (s *sheet) box(b box) {
	x, w := s.left[b.col], s.width[b.col]
	top, bottom := rowHeight*b.first, rowHeight*b.last+2
	s.put(x, top, "┌"+strings.Repeat("─", w-2)+"┐")
	for y := top + 1; y < bottom; y++ {
		left, right := "│", "│"
		if y%rowHeight == 1 {
			left, right = "┤", "├"
		}
		if b.col == len(s.left)-1 {
			right = "│"
		}
		s.put(x, y, left+strings.Repeat(" ", w-2)+right)
	}
	s.put(x, bottom, "└"+strings.Repeat("─", w-2)+"┘")
	s.put(x+(w-utf8.RuneCountInString(b.caption()))/2, (top+bottom)/2, b.caption())
}

// joint ties the lines together that share a segment, and names it once.
func (s *sheet) joint(j joint) {
	x := s.left[j.col] + s.width[j.col] + 1
	for y := rowHeight*j.first + 1; y <= rowHeight*j.last+1; y++ {
		tie := "│"
		if y%rowHeight == 1 {
			tie = "┼"
		}
		s.put(x, y, tie)
		if y%rowHeight == 1 && y > rowHeight*j.first+1 {
			s.put(x+1, y, strings.Repeat("─", utf8.RuneCountInString(j.name)+2))
		}
	}
	s.put(x, rowHeight*j.first+1, "┬")
	s.put(x, rowHeight*j.last+1, "┴")
}

func (s *sheet) String() string {
	var b strings.Builder
	for _, cells := range s.cells {
		b.WriteString(strings.TrimRight(string(cells), " ") + "\n")
	}
	return b.String()
}
