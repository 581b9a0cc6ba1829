//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// narrator tells the story on one stream; with JSON output that is standard
// error, so that standard output holds one object and nothing else.
type narrator struct {
	out     io.Writer
	chapter int
	begin   time.Time
}

func (n *narrator) title(format string, args ...any) {
	n.chapter++
	fmt.Fprintf(n.out, "\n%d. %s\n", n.chapter, fmt.Sprintf(format, args...))
}

func (n *narrator) say(format string, args ...any) {
	fmt.Fprintf(n.out, "   %s\n", fmt.Sprintf(format, args...))
}

// show indents a block: a picture, a list.
func (n *narrator) show(block string) {
	fmt.Fprintln(n.out)
	for line := range strings.Lines(strings.TrimRight(block, "\n") + "\n") {
		fmt.Fprint(n.out, "     ", line)
	}
	fmt.Fprintln(n.out)
}

// steps tells each new description of an operation once.
func (n *narrator) steps() func(description string) {
	last := ""
	return func(description string) {
		if description != last && description != "" {
			last = description
			n.say("%6.1f s  %s", time.Since(n.begin).Seconds(), description)
		}
	}
}

func yesNo(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
