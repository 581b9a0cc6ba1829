package osbcheck

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// The elements of a JUnit report that readers of it agree about.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Time    string     `xml:"time,attr"`
		Failure *junitText `xml:"failure,omitempty"`
		Error   *junitText `xml:"error,omitempty"`
		Skipped *junitText `xml:"skipped,omitempty"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as one JUnit test suite: a test case for each row.
// A blocked row is an error; warnings are a passed row's output.
func (r Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{Name: "Open Service Broker API " + r.Version, Tests: len(r.Results),
		Failures: r.Summary.Failed, Errors: r.Summary.Blocked, Skipped: r.Summary.Skipped}
	var took time.Duration
	for _, row := range r.Results {
		took += row.Took
		s.Cases = append(s.Cases, row.junit())
	}
	s.Time = seconds3(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r Result) junit() junitCase {
	c := junitCase{Class: "osb." + r.ID, Name: r.ID + ": " + r.Title, Time: seconds3(r.Took)}
	switch r.Verdict {
	case Failed:
		c.Failure = &junitText{r.Findings[0].Wanted, r.story()}
	case Blocked:
		c.Error = &junitText{Message: r.Reason}
	case Skipped:
		c.Skipped = &junitText{Message: r.Reason}
	case Warned:
		c.Out = r.story()
	}
	return c
}

func (r Result) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Place())
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "wanted: %s (%s)\n", f.Wanted, f.Strength)
		if x := f.Exchange; x != nil {
			fmt.Fprintf(&b, "sent: %s %s\ncame: %d %s\n", x.Request, x.Sent, x.Status, x.Answer)
		}
	}
	return b.String()
}

func seconds3(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
