package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/ovf"
)

// merge lays parameters over the form's values, which must suit its package.
func (s *Service) merge(ctx context.Context, i Instance, f *Form, parameters json.RawMessage) error {
	full, err := s.catalog.PlanSchema(ctx, f.Package, f.Configuration, f.Insertion)
	if err != nil {
		return err
	}
	if err := fitting(f.Insertion, i.Name, parameters); err != nil {
		return err
	}
	full, ours := catalog.WithRegions(full, s.regions.Names())
	checked, err := validate(catalog.UpdateSchema(full), parameters)
	if err != nil {
		return err
	}
	if region, named := s.regionOf(checked, ours); named {
		if err := s.stays(i, region); err != nil {
			return err
		}
	}
	given, err := propertyValues(f.Insertion, checked)
	if err != nil {
		return err
	}
	pkg, err := s.catalog.Descriptor(ctx, f.Package)
	if err != nil {
		return err
	}
	next := i
	next.take(*f)
	next.Values, next.Secrets = map[string]string{}, map[string]string{}
	for _, p := range pkg.Properties() {
		if err := s.mergeValue(&next, i, p, given); err != nil {
			return err
		}
	}
	f.Values, f.Secrets = next.Values, next.Secrets
	return missing(full, *f)
}

// mergeValue sets one property to what is given, or else to what it was.
func (s *Service) mergeValue(next *Instance, was Instance, p ovf.Property, given map[string]string) error {
	value, set := given[p.ID]
	before, had := was.Values[p.ID]
	if p.Password {
		secret, err := s.secret(was, p.ID)
		if err != nil {
			return err
		}
		before, had = secret, was.Secrets[p.ID] != ""
	}
	switch {
	case !set && had && p.Check(before) != nil:
		return refuse(false, "parameter %q must be given: version %s does not take its present value", p.ID, next.Package.MaintenanceVersion())
	case p.Password && had && (!set || value == before):
		next.Secrets[p.ID] = was.Secrets[p.ID] // sealed anew it would look like another
	case p.Password:
		return s.setSecret(next, p, value, set)
	case set:
		next.Values[p.ID] = value
	case had:
		next.Values[p.ID] = before
	}
	return nil
}

// missing refuses a form that lacks what a schema requires.
func missing(schema json.RawMessage, f Form) error {
	var s struct {
		Required []string `json:"required"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("cannot read the plan's parameter schema: %w", err)
	}
	have := maps.Clone(orEmpty(f.Values))
	maps.Copy(have, f.Secrets)
	absent := slices.DeleteFunc(s.Required, func(id string) bool { _, ok := have[id]; return ok })
	if len(absent) > 0 {
		return refuse(false, "version %s requires %s: give it as a parameter of the update", f.Package.MaintenanceVersion(), strings.Join(absent, ", "))
	}
	return nil
}
