package provision

import (
	"context"
	"fmt"

	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// setValues keeps the tenant's property values, passwords sealed, and makes the
// passwords that the tenant left to the broker.
func (s *Service) setValues(ctx context.Context, i *Instance, checked map[string]any) error {
	values, err := propertyValues(i.Insertion, checked)
	if err != nil {
		return err
	}
	pkg, err := s.catalog.Descriptor(ctx, i.Package)
	if err != nil {
		return err
	}
	i.Values, i.Secrets = map[string]string{}, map[string]string{}
	for _, p := range pkg.Properties() {
		value, given := values[p.ID]
		switch {
		case p.Password:
			err = s.setSecret(i, p, value, given)
		case given:
			i.Values[p.ID] = value
		}
		if err != nil {
			return err
		}
	}
	return checkDisks(pkg, *i)
}

func (s *Service) setSecret(i *Instance, p ovf.Property, value string, given bool) error {
	if _, preset := p.Value(i.Configuration); !given && (preset || !p.UserConfigurable) {
		return nil
	}
	if !given {
		value = password(p.Rules)
	}
	i.Secrets[p.ID] = s.key.Seal([]byte(value), secretName(i.ID, p.ID))
	return nil
}

func (s *Service) secret(i Instance, property string) (string, error) {
	sealed, ok := i.Secrets[property]
	if !ok {
		return "", nil
	}
	plain, err := s.key.Open(sealed, secretName(i.ID, property))
	if err != nil {
		return "", fmt.Errorf("cannot open the sealed property %q of instance %q: %w", property, i.ID, err)
	}
	return string(plain), nil
}

// secretName binds a sealed value to its place, so that it cannot be moved.
func secretName(i topology.InstanceID, property string) string {
	return "instance/" + string(i) + "/" + property
}
