package focus

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Finding is where a file is not as FOCUS 1.2 says.
type Finding struct {
	Line    int    `json:"line"` // of the file, from 1
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
}

// MaxFindings is how many are told of a file.
const MaxFindings = 1000

// Check reads a CSV file and finds what the rules of the columns forbid: which must be
// there, types, nulls, allowed values, and how columns go together. It tells at most
// MaxFindings. It fails when the file cannot be read at all.
func Check(r io.Reader) (rows int, found []Finding, err error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return 0, nil, fmt.Errorf("cannot read the header line: %w", err)
	}
	header = slices.Clone(header)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	f := file{header: header, cells: cells{map[string]string{}, map[string]bool{}}}
	f.checkHeader()
	for len(f.found) < MaxFindings {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return rows, f.found, nil
		}
		if err != nil {
			return rows, f.found, fmt.Errorf("cannot read row %d: %w", rows+1, err)
		}
		rows++
		f.line, _ = c.FieldPos(0)
		f.checkRow(record)
	}
	return rows, f.found[:MaxFindings], nil
}

// file is a check under way.
type file struct {
	header []string
	line   int
	cells
	found []Finding
}

func (f *file) find(column, message string) {
	f.found = append(f.found, Finding{max(f.line, 1), column, message})
}

func (f *file) checkHeader() {
	for _, name := range f.header {
		known := slices.ContainsFunc(rules, func(r rule) bool { return r.name == name })
		switch {
		case f.has[name]:
			f.find(name, "the column is there twice")
		case !known && !strings.HasPrefix(name, "x_"):
			f.find(name, "FOCUS 1.2 has no such column; names of others begin with x_")
		}
		f.has[name] = true
	}
	for _, r := range rules {
		if r.mandatory && !f.has[r.name] {
			f.find(r.name, "the column is mandatory")
		}
	}
	for _, p := range attends {
		if f.has[p.on] && !f.has[p.name] {
			f.find(p.name, "the column must be there, since "+p.on+" is")
		}
	}
}

func (f *file) checkRow(record []string) {
	for n, name := range f.header {
		f.value[name] = record[n]
	}
	for _, r := range rules {
		v := f.value[r.name]
		switch {
		case !f.has[r.name]:
		case v == "" && !r.null:
			f.find(r.name, "it must not be null")
		case v == "":
		default:
			if problem := r.is(v); problem != "" {
				f.find(r.name, problem)
			}
		}
	}
	f.together(f.find)
}
