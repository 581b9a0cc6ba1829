package ovf

import (
	"strings"
)

func (r *reader) deploymentOptions(n node) {
	r.info(n)
	for c := range n.children {
		switch {
		case c.is("Info"):
		case c.is("Configuration"):
			r.configuration(c)
		default:
			r.unknown(c)
		}
	}
	if len(r.pkg.Configurations) > r.limits.Configurations {
		r.err(n.place(), CodeCountLimit, "more than %d configurations", r.limits.Configurations)
		r.pkg.Configurations = r.pkg.Configurations[:r.limits.Configurations]
	}
	defaults := 0
	for _, c := range r.pkg.Configurations {
		if c.Default {
			defaults++
		}
	}
	switch {
	case defaults > 1:
		r.err(n.place(), CodeAmbiguousDefault, "%d configurations are marked as default; at most one may be", defaults)
	case defaults == 0 && len(r.pkg.Configurations) > 0:
		r.pkg.Configurations[0].Default = true // DSP0243 9.8: the first one then
	}
}

func (r *reader) configuration(n node) {
	c := Configuration{
		ID: r.need(n, "id"), Label: r.text(n.child("Label")), Description: r.text(n.child("Description")),
		Default: r.flag(n, "default", false), place: n.place(),
	}
	switch {
	case c.ID == "":
		return
	case strings.ContainsAny(c.ID, " \t\r\n"):
		r.err(n.place(), CodeConfigurationID, "configuration id %q holds white space, so no list can name it", printable(c.ID, 60))
	case printable(c.ID, maxNameLength) != c.ID:
		r.err(n.place(), CodeConfigurationID, "configuration id %q is longer than %d bytes or holds control characters", printable(c.ID, 60), maxNameLength)
		return
	case r.options[c.ID]:
		r.err(n.place(), CodeDuplicateID, "configuration id %q stands twice", printable(c.ID, 60))
		return
	}
	if c.Label == "" {
		r.warn(n.place(), CodeMissingElement, "configuration %q has no Label", c.ID)
		c.Label = c.ID
	}
	r.options[c.ID] = true
	r.pkg.Configurations = append(r.pkg.Configurations, c)
}

// configurations reads a list of configuration ids, all of which must exist.
func (r *reader) configurations(n node) []string {
	value, _ := r.attr(n, "configuration")
	var ids []string
	for _, id := range list(value) {
		if r.options[id] && !contains(ids, id) {
			ids = append(ids, id)
		}
		if !r.options[id] {
			r.err(n.place(), CodeUnknownConfiguration, "configuration %q is not declared in the DeploymentOptionSection", printable(id, 60))
		}
	}
	return ids
}
