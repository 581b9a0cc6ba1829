package ovf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says whether a finding refuses the package.
type Severity string

// An Error refuses the package; a Warning is a deviation that is tolerated, and
// an Error in a strict reading.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// remark is a Warning about what the standard allows: it is one in a strict
// reading, too. Reports never show it under this name.
const remark Severity = "remark"

// Finding is one problem of a package. Message never holds the value of a
// password property, and neither Message nor Path holds control characters, so
// that a finding is one harmless line wherever it is printed.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Message  string   `json:"message"`
	File     string   `json:"file"`   // member or file name as given by the package; "" for the package as a whole
	Line     int      `json:"line"`   // 1-based; 0 when the problem has no place in the file
	Column   int      `json:"column"` // 1-based, in bytes; 0 when Line is 0
	Path     string   `json:"path"`   // XPath-like place in the descriptor, such as /Envelope/References/File[2]; "" outside it
}

// String is the finding in the form that editors jump to:
// file:line:column: severity code: message.
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(printable(f.File, maxNameLength))
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s %s: %s", f.Severity, f.Code, f.Message)
	return b.String()
}

// Findings are the problems of one package, errors and warnings mixed, in
// order of file and line.
type Findings []Finding

// HasErrors reports whether one of the findings refuses the package.
func (fs Findings) HasErrors() bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Severity == Error })
}

// Errors returns the findings that refuse the package.
func (fs Findings) Errors() Findings {
	var errs Findings
	for _, f := range fs {
		if f.Severity == Error {
			errs = append(errs, f)
		}
	}
	return errs
}

// String is one finding per line.
func (fs Findings) String() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// maxFindings bounds the errors, and as many warnings, of a package that is
// wrong everywhere.
const maxFindings = 250

// report collects findings while a package is read. One that is made twice, as
// the resolution of several configurations does, is kept once.
type report struct {
	strict   bool
	findings Findings
	seen     map[Finding]bool
	counts   map[Severity]int
}

// full reports whether a finding of that severity would be dropped. Callers
// that make many ask before they spend time on the text. Warnings and errors
// are counted apart, so that no flood of the one hides the other.
func (r *report) full(s Severity) bool { return r.counts[r.judged(s)] > maxFindings }

// judged is the severity that the report shows.
func (r *report) judged(s Severity) Severity {
	switch {
	case s == remark:
		return Warning
	case r.strict:
		return Error
	}
	return s
}

func (r *report) add(f Finding) {
	if r.full(f.Severity) {
		return
	}
	f.Severity = r.judged(f.Severity)
	f.Message = printable(f.Message, maxMessageLength)
	f.Path = printable(f.Path, maxMessageLength)
	if r.seen[f] {
		return
	}
	if r.seen == nil {
		r.seen, r.counts = map[Finding]bool{}, map[Severity]int{}
	}
	if r.counts[f.Severity] == maxFindings {
		f = Finding{Severity: f.Severity, Code: CodeTooManyFindings, File: f.File,
			Message: fmt.Sprintf("more than %d findings of this severity; the rest is not shown", maxFindings)}
	}
	r.counts[f.Severity]++
	r.seen[f] = true
	r.findings = append(r.findings, f)
}

func (r *report) file(s Severity, code Code, file, format string, args ...any) {
	r.add(Finding{Severity: s, Code: code, File: file, Message: fmt.Sprintf(format, args...)})
}

// sorted returns the findings in order of file, line and column; findings of
// the same place keep the order in which they were made.
func (r *report) sorted() Findings {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.findings
}

const maxMessageLength = 400

// printable makes text from a package safe for a terminal and a log: one line,
// at most limit bytes, no control, format (bidi, zero width) or invalid
// characters.
func printable(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return '\uFFFD'
		}
		return r
	}, s)
	return cut(s, limit)
}

// presentable puts spaces in a text from a package for what does not show and
// may mislead: control characters but for line breaks and tabs, bidi marks, zero
// width. Markup stays: whoever shows the text escapes it.
func presentable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r >= ' ' && r < 0x7f: // nearly all
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return ' '
		}
		return r
	}, s)
	if s = strings.TrimSpace(s); len(s) > limit {
		return cut(s, limit-len("…")) // so that the outcome is presentable as it is
	}
	return s
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
