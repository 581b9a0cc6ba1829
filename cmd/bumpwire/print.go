package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// table is rows of cells with a heading.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...any) {
	row := make([]string, len(cells))
	for n, cell := range cells {
		row[n] = text(cell)
	}
	t.rows = append(t.rows, row)
}

// text is a cell for a terminal: times short, nothing as a dash, one line.
func text(v any) string {
	var s string
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			s = v.UTC().Format("2006-01-02 15:04:05")
		}
	case []string:
		s = strings.Join(v, ",")
	default:
		s = fmt.Sprint(v)
	}
	if s = harmless(s); s == "" {
		return "-"
	}
	return s
}

// harmless replaces what could steer a terminal: names come from outside.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// print shows a value: as JSON, or as the table made of it.
func (c *cli) print(v any, t table) error {
	if c.output == "json" {
		return c.printJSON(v)
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	if len(t.head) > 0 {
		fmt.Fprintln(w, strings.Join(t.head, "\t"))
	}
	for _, row := range t.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

func (c *cli) printJSON(v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the answer: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "%s\n", body)
	return err
}

// facts is a table of names and values, one per line.
func facts(pairs ...any) table {
	var t table
	for n := 0; n+1 < len(pairs); n += 2 {
		if value := text(pairs[n+1]); value != "-" {
			t.rows = append(t.rows, []string{fmt.Sprint(pairs[n]), value})
		}
	}
	return t
}

// orEmpty makes a listing of nothing an empty array in JSON, not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// bytesOf is a size for people.
func bytesOf(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, at := float64(n)/unit, 0
	for v >= unit && at < 4 {
		v /= unit
		at++
	}
	return fmt.Sprintf("%.4g %ciB", v, "KMGTP"[at])
}
