// Package console renders the broker's read-only web page: what is on offer, what
// runs and how it is, each tenant's topology, and what was done lately. It needs
// no script; pictures are fetched by the browser from the management API.
package console

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

// Page is what the console shows. Whoever fills it leaves out what the reader may
// not see.
type Page struct {
	User      string
	Version   string
	Cloud     string
	Services  []api.Service
	Instances []api.Instance
	Tenants   []string // whose topology is drawn
	Changes   []api.Change
}

//go:embed console.html
var source string

// Policy is the page's Content-Security-Policy: no script, nothing from elsewhere.
const Policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// Render writes the page as HTML.
func Render(p Page) ([]byte, error) {
	t, err := template.New("console").Funcs(template.FuncMap{
		"segment": url.PathEscape,
		"when":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"gib":     func(b int64) string { return fmt.Sprintf("%.4g GiB", float64(b)/(1<<30)) },
	}).Parse(source)
	if err != nil {
		return nil, fmt.Errorf("cannot read the console's page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return nil, fmt.Errorf("cannot render the console: %w", err)
	}
	return b.Bytes(), nil
}
